"""The command line as its users meet it: output, exit codes, one-line errors."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import worlds

from residency.cli import main
from residency.inventory.snapshot import write_snapshot
from residency.inventory.tables import Label, Sweep, Unit

CONFIG = """\
organisation: {id: acme, name: {en: Acme, ja: アクメ}, seat: JP}
home: JP
services:
  - {id: chat, name: {en: Chat, ja: チャット}, classes: [communication.content, user.provided]}
  - {id: shop, name: {en: Shop, ja: ショップ}, classes: [user.observed]}
classification:
  service_tags: [service]
  class_tags: [class]
  rules:
    - {match: {name: "public-*"}, holds: nothing, reason: public files}
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main([str(item) for item in arguments])
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), out, err

    return call


def _aws_store(name: str, location: str, *labels: tuple[str, str]) -> list[object]:
    origin = {"provider": "aws", "account": "111122223333", "kind": "aws.s3.bucket", "call": "s3:ListBuckets"}
    origin |= {"seen_at": worlds.SEEN, "region": location}
    return [
        worlds.Store(**origin, store_id=f"arn:aws:s3:::{name}", name=name, holds="objects"),
        worlds.Placement(
            **origin,
            store_id=f"arn:aws:s3:::{name}",
            role="primary",
            location_provider="aws",
            location=location,
            evidence="Location",
        ),
        worlds.Key(**origin, store_id=f"arn:aws:s3:::{name}", custody="provider-managed", evidence="Encryption"),
        *(Label(**origin, store_id=f"arn:aws:s3:::{name}", key=key, value=value) for key, value in labels),
    ]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with residency.yaml and one complete snapshot: one bucket in Tokyo, one in Seoul."""
    (tmp_path / "residency.yaml").write_text(CONFIG, encoding="utf-8")
    tags = (("service", "chat"), ("class", "communication.content"))
    rows = worlds.rows(
        *_aws_store("tokyo", "ap-northeast-1", *tags),
        *_aws_store("seoul", "ap-northeast-2", *tags),
        worlds.contractor("helper-kr", seat="KR", staff_countries=("KR",)),
        Unit(
            provider="aws",
            account="111122223333",
            region="global",
            kind="aws.s3.bucket",
            status="seen",
            stores=2,
            calls=3,
            started_at=worlds.SEEN,
            finished_at=worlds.SEEN,
        ),
        Sweep(
            sweep_id="s1",
            started_at=worlds.SEEN,
            finished_at=worlds.SEEN,
            scope="{}",
            tool_version="0",
            catalogue="2026-10-01",
        ),
    )
    write_snapshot(tmp_path / "snapshots" / "2026-10-31", rows, {}, {})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_has_help_with_an_example() -> None:
    import typer

    from residency.cli.app import build_app
    from residency.cli.reference import _walk

    for name, command in _walk(typer.main.get_command(build_app()), "residency"):
        assert "Example: residency" in (command.help or ""), name


def test_help_imports_nothing_heavy() -> None:
    heavy = "pandas numpy pyarrow duckdb networkx boto3 botocore google.cloud azure jinja2 openpyxl"
    code = (
        "import sys\nfrom residency.cli.app import build_app\nbuild_app()\n"
        f"print(','.join(sorted(set('{heavy}'.split()) & set(sys.modules))))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


def test_assess_prints_bounds_as_json(project: Path, run: Run) -> None:
    code, out, _ = run("assess", "--format", "json")
    rows = json.loads(out)
    assert code == 0
    korea = [row for row in rows if row["jurisdiction"] == "KR" and row["channel"] == "storage"]
    assert korea
    assert korea[0]["dataset"] == "chat/communication.content"
    assert 0 < korea[0]["lo"] <= korea[0]["hi_seen"] <= korea[0]["hi"] <= 100


def test_explain_names_the_article_and_the_call(project: Path, run: Run) -> None:
    code, out, _ = run("explain", "KR", "--dataset", "chat/communication.content")
    assert code == 0
    assert "jurisdictions/KR.yaml:" in out
    assert "s3:ListBuckets" in out or "helper-kr" in out.lower()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("explain", "JP"), "home jurisdiction"),
        (("explain", "KR", "--dataset", "chat/nothing"), "no dataset"),
        (("assess", "--as-of", "yesterday"), "YYYY-MM-DD"),
        (("assess", "--snapshot", "nowhere"), "is not a snapshot"),
        (("assess", "--config", "missing.yaml"), "residency init"),
        (("assess", "--data", "missing"), "is not a folder"),
        (("query", "SELECT * FROM nothing"), "tables: sweeps"),
        (("query", "COPY stores TO 'x.csv'"), "query:"),
        (("law", "show", "QQ"), "no file for"),
        (("law", "changes", "--from", "2026-01-01", "--to", "2025-01-01"), "must be later"),
        (("providers", "regions", "nobody"), "no provider"),
        (("providers", "permissions", "nobody"), "choose aws, gcp or azure"),
        (("check", "missing.md"), "no such file"),
        (("disclose", "missing.md"), "no such file"),
        (("contractors", "add", "nobody"), "no vendor 'nobody'"),
        (("logs", "missing.json"), "no such file"),
        (("whatif",), "--move"),
        (("whatif", "--move", "x"), "STORE=VALUE"),
        (("whatif", "--move", "arn:aws:s3:::tokyo=aws/nowhere"), "the catalogue has no"),
        (("whatif", "--drop", "nobody"), "no contractor"),
        (("whatif", "--custody", "arn:aws:s3:::tokyo=lost"), "no custody"),
        (("whatif", "--no-copies", "nothing"), "no store"),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(project: Path, run: Run, arguments: tuple[str, ...], text: str) -> None:
    code, _, err = run(*arguments)
    assert code == 2
    assert text in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1


def test_faults_of_the_configuration_come_all_at_once(project: Path, run: Run) -> None:
    file = project / "residency.yaml"
    file.write_text(CONFIG.replace("seat: JP", "seat: Japan").replace("home: JP", "homme: JP"), encoding="utf-8")
    code, _, err = run("assess")
    assert code == 2
    assert "residency.yaml:1" in err
    assert "residency.yaml:2" in err
    assert "2 faults" in err


def test_query_has_the_country_of_every_placement(project: Path, run: Run) -> None:
    sql = "SELECT country, count(*) AS n FROM placed GROUP BY country ORDER BY country"
    code, out, _ = run("query", sql, "--format", "json")
    assert code == 0
    assert json.loads(out) == [{"country": "JP", "n": 1}, {"country": "KR", "n": 1}]


def test_disclose_then_check_agree(project: Path, run: Run) -> None:
    axes = ("equipment", "equipment-third-party", "contractors", "storage-providers", "environment")
    blocks = "\n".join(f"<!-- residency:begin {a} lang=ja -->\n該当なし\n<!-- residency:end {a} -->" for a in axes)
    policy = project / "policy.md"
    policy.write_text(f"# 方針\n\n{blocks}\n\n末尾", encoding="utf-8")
    code, out, _ = run("check", "policy.md")
    assert code == 1
    assert "韓国" in out
    assert "absence" in out
    assert run("disclose", "policy.md")[0] == 0
    after = policy.read_text(encoding="utf-8")
    assert after.startswith("# 方針\n")
    assert after.endswith("末尾")
    code, out, _ = run("check", "policy.md")
    assert (code, "agrees" in out) == (0, True)
    assert run("disclose", "policy.md")[1].strip().endswith("is already up to date")


def test_check_without_markers_says_what_to_add(project: Path, run: Run) -> None:
    (project / "policy.md").write_text("データは日本国内にあります。", encoding="utf-8")
    code, _, err = run("check", "policy.md")
    assert code == 2
    assert "residency:begin equipment" in err
    code, out, _ = run("check", "policy.md", "--no-markers")
    assert code == 1
    assert "KR" in out


def test_require_complete_exits_3_with_the_list(project: Path, run: Run) -> None:
    rows = worlds.rows(worlds.gap(), worlds.contractor("x"))
    write_snapshot(project / "snapshots" / "2026-11-01", rows, {}, {})
    code, _, err = run("disclose", "--out", "out", "--require-complete")
    assert code == 3
    assert "no cloud was swept" in err


def test_diff_evaluate_whatif_and_report(project: Path, run: Run) -> None:
    tags = (("service", "chat"), ("class", "communication.content"))
    rows = worlds.rows(*_aws_store("tokyo", "ap-northeast-1", *tags), *_aws_store("paris", "eu-west-3", *tags))
    write_snapshot(project / "snapshots" / "2026-11-02", rows, {}, {})
    code, out, _ = run("diff", "snapshots/2026-10-31", "snapshots/2026-11-02", "--format", "json")
    assert code == 0
    assert {"added", "removed"} <= {row["change"] for row in json.loads(out)}
    arguments = (
        "evaluate",
        "snapshots/2026-10-31",
        "snapshots/2026-11-02",
        "--from",
        "2025-11-01",
        "--to",
        "2026-11-01",
    )
    code, out, _ = run(*arguments)
    assert code == 0
    assert "Changes in foreign systems" in out
    assert run(*arguments, "--out", "evaluation")[0] == 0
    assert json.loads((project / "evaluation/evaluation.json").read_text(encoding="utf-8"))["disclosures"]
    store = "arn:aws:s3:::seoul=aws/ap-northeast-1"
    code, out, _ = run("whatif", "--snapshot", "snapshots/2026-10-31", "--move", store, "--format", "json")
    falls = [row for row in json.loads(out) if row["jurisdiction"] == "KR"]
    assert code == 0
    assert falls
    assert all(row["hi_after"] < row["hi_before"] for row in falls)
    code, _, _ = run("report", "--snapshot", "snapshots/2026-10-31", "--out", "report.html")
    assert code == 0
    assert "<!doctype html>" in (project / "report.html").read_text(encoding="utf-8").lower()


def test_snapshots_by_url(project: Path, run: Run) -> None:
    rows = worlds.rows(*_aws_store("tokyo", "ap-northeast-1"), *_aws_store("paris", "eu-west-3"))
    write_snapshot("memory://cli/a", rows, {}, {})
    code, out, _ = run("query", "SELECT count(*) AS n FROM stores", "--snapshot", "memory://cli/a", "--format", "json")
    assert (code, json.loads(out)) == (0, [{"n": 2}])
    assert run("assess", "--snapshot", "memory://cli/a")[0] == 0
    code, out, _ = run("diff", "snapshots/2026-10-31", "memory://cli/a", "--format", "json")
    assert code == 0
    assert {"added", "removed"} <= {row["change"] for row in json.loads(out)}
    code, out, _ = run("diff", "memory://cli/a", "memory://cli/a")
    assert (code, "0 changes" in out) == (0, True)
    period = ("--from", "2025-11-01", "--to", "2026-11-01")
    assert run("evaluate", "snapshots/2026-10-31", "memory://cli/a", *period)[0] == 0
    code, _, err = run("assess", "--snapshot", "ftp://me:hunter2@127.0.0.1:9/a")
    assert code == 2
    assert "ftp://***@127.0.0.1:9/a: cannot be read" in err
    assert "hunter2" not in err
    assert len(err.strip().splitlines()) == 1


def test_init_writes_a_configuration_that_loads_and_never_overwrites(tmp_path: Path, run: Run) -> None:
    from residency.assess import load_catalogues, read_config

    folder = tmp_path / "new"
    assert run("init", str(folder))[0] == 0
    assert read_config(folder / "residency.yaml", load_catalogues()).organisation.seat == "JP"
    code, _, err = run("init", str(folder))
    assert code == 2
    assert "exists already" in err


def test_csv_cells_do_not_run_in_a_spreadsheet(project: Path, run: Run) -> None:
    code, out, _ = run("query", "SELECT '=HYPERLINK(1)' AS x, '\x1b[31mred' AS y", "--format", "csv")
    assert code == 0
    assert "'=HYPERLINK(1)" in out
    assert "\x1b" not in out
    code, out, _ = run("query", "SELECT '\x1b]0;title\x07' AS x")
    assert "\x1b" not in out


def test_law_commands_print_flat_json(run: Run) -> None:
    code, out, _ = run("law", "facts", "--format", "json")
    rows = json.loads(out)
    assert code == 0
    fields = "country instrument_id title_en title_original citation kind in_force_from in_force_to fact_key attributes"
    assert list(rows[0]) == [*fields.split(), "says", "source_url", "confidence"]
    # the catalogue's own first day is nobody's beginning
    ratified = [row for row in rows if row["attributes"].get("list") == "coe_convention_108_plus"]
    assert {row["in_force_from"] for row in ratified} == {None}  # ratified is not in force
    assert "2021-10-22" not in {row["in_force_from"] for row in rows}
    assert {row["in_force_from"] for row in rows if row["instrument_id"] == "gdpr" and row["country"] == "IE"} == {
        "2018-05-25"
    }
    asked_for = "JP US CN HK TW KR SG VN IN TH GB DE FR IE NL AU"
    assert {row["country"] for row in rows} >= {*asked_for.split()}
    code, out, _ = run("law", "changes", "--from", "2021-10-22", "--format", "json")
    assert "2021-10-22" not in {row["date"] for row in json.loads(out) if row["change"] == "begins"}
    assert len({row["date"] for row in json.loads(out)}) > 50
    code, out, _ = run("law", "show", "us", "--as-of", "2024-01-01")
    assert code == 0
    assert "May affect proper handling" in out
    code, out, _ = run("law", "lint")
    assert "no faults" in out


def test_providers_regions_json_has_the_promised_fields(run: Run) -> None:
    code, out, _ = run("providers", "regions", "--format", "json")
    rows = json.loads(out)
    assert code == 0
    for row in rows:
        assert {"provider", "region", "countries", "kind", "operator", "status", "paired_region"} <= set(row)
        assert row["countries"] == sorted(row["countries"])
        assert row["countries"]
    ids = "aws aws-cn aws-us-gov aws-eusc aws-iso aws-iso-b aws-iso-e aws-iso-f aws-bedrock-profile gcp gcp-gcs "
    ids += "gcp-bigquery gcp-spanner gcp-firestore gcp-kms gcp-artifact-registry azure azure-usgov azure-china "
    ids += "azure-germany azure-bleu azure-delos"
    assert {row["provider"] for row in rows} >= set(ids.split())


@pytest.mark.parametrize("provider", ["aws", "gcp", "azure"])
def test_permissions_are_printed_as_json(run: Run, provider: str) -> None:
    code, out, _ = run("providers", "permissions", provider)
    assert code == 0
    assert json.loads(out)


def test_a_policy_that_is_too_long_for_iam_comes_in_parts(run: Run, tmp_path: Path) -> None:
    _, out, told = run("providers", "permissions", "aws")
    assert "--split FOLDER writes several that fit" in told
    code, _, _ = run("providers", "permissions", "aws", "--split", str(tmp_path / "policies"))
    assert code == 0
    texts = [file.read_text(encoding="utf-8") for file in sorted((tmp_path / "policies").iterdir())]
    assert all(len("".join(text.split())) <= 6144 for text in texts)
    actions = [action for text in texts for action in json.loads(text)["Statement"][0]["Action"]]
    assert actions == json.loads(out)["Statement"][0]["Action"]
    assert 1 < len(texts) <= 10  # the most a role may have


def test_where_a_role_of_azure_may_be_assigned(run: Run, tmp_path: Path) -> None:
    _, out, told = run("providers", "permissions", "azure")
    assert json.loads(out)["AssignableScopes"] == ["/providers/Microsoft.Management/managementGroups/<tenant id>"]
    assert "--scope" in told
    _, out, told = run("providers", "permissions", "azure", "--scope", "/subscriptions/1")
    assert (json.loads(out)["AssignableScopes"], told) == (["/subscriptions/1"], "")
    for wrong in (("gcp", "--split", str(tmp_path)), ("aws", "--scope", "/")):
        code, _, told = run("providers", "permissions", *wrong)
        assert code == 2
        assert f"leave them out for {wrong[0]}" in told


def test_kinds_are_printed_with_calls_and_permissions(run: Run) -> None:
    code, out, _ = run("providers", "kinds", "--format", "json")
    rows = json.loads(out)
    assert code == 0
    assert all(row["calls"] and row["permissions"] and row["roles"] for row in rows)
    counts = {name: sum(row["provider"] == name for row in rows) for name in ("aws", "gcp", "azure")}
    assert counts["aws"] >= 15
    assert counts["gcp"] >= 6
    assert counts["azure"] >= 6
