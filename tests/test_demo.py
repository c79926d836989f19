"""The demo finds what its example hides: looked up in rows, tables and scores, never in the list of what is planted."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from residency.cli.app import build_app
from residency.demo.cloud import GUARD_PATH, Guard, refusal_body
from residency.demo.folder import MARKER, fill_folder
from residency.demo.run import EXAMPLE, closed_environment
from residency.demo.seed import fill, load_seed
from residency.errors import ConfigError, FaultsError, StorageError
from residency.inventory.snapshot import open_snapshot
from residency.inventory.tables import Rows

WATCH = """
import sys
_LOG = {log!r}
def _watch(event, args):
    if event == "socket.connect" or event == "socket.sendto":
        address = args[1]
    elif event == "socket.getaddrinfo":
        address = (args[0],)
    else:
        return
    host = address[0] if isinstance(address, tuple) else ""
    host = host.decode() if isinstance(host, bytes) else host
    if host not in ("", None, "127.0.0.1", "::1", "localhost"):
        with open(_LOG, "a") as log:
            log.write(f"{{event}} {{host}}\\n")
sys.addaudithook(_watch)
with open(_LOG, "a") as log:
    log.write("watching\\n")
"""
RUN = "import sys\nfrom residency.cli import main\nmain(sys.argv[1:])\n"


@dataclass(frozen=True)
class Ran:
    folder: Path
    said: str
    rows: Rows
    policy: dict[str, Any]
    scores: list[dict[str, str]]

    def axis(self, name: str) -> list[dict[str, Any]]:
        return list(self.policy["axes"][name]["rows"])


def read(folder: Path, said: str) -> Ran:
    (snapshot,) = (folder / "snapshots").iterdir()
    return Ran(
        folder,
        said,
        open_snapshot(snapshot).rows(),
        json.loads((folder / "policy.json").read_text("utf-8")),
        list(csv.DictReader(io.StringIO((folder / "scores.csv").read_text("utf-8")))),
    )


def invoke(*arguments: str, at: Path | None = None) -> Result:
    before = Path.cwd()
    try:
        os.chdir(at or before)
        return CliRunner().invoke(build_app(), list(arguments))
    finally:
        os.chdir(before)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run in this process."""
    folder = tmp_path_factory.mktemp("first") / "demo-output"
    result = invoke("demo", "--out", str(folder))
    assert result.exit_code == 0, result.output
    return read(folder, result.output)


@pytest.fixture(scope="session")
def second(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, str]:
    """A run in a process of its own, with a hostile environment, that notes whom it and its children talk to."""
    base = tmp_path_factory.mktemp("second")
    log = base / "network.log"
    (base / "site").mkdir()
    (base / "site" / "sitecustomize.py").write_text(WATCH.format(log=str(log)))
    source = str(Path(__file__).resolve().parents[1] / "src")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(base / "site"), source]),
        "PYTHONHASHSEED": "7",
        "HTTPS_PROXY": "http://192.0.2.1:3128",
        "http_proxy": "http://192.0.2.1:3128",
        "AWS_PROFILE": "production",
        "AWS_ACCESS_KEY_ID": "AKIAREALLOOKINGKEY00",
        "AWS_ENDPOINT_URL": "http://192.0.2.2",
        "AWS_REGION": "eu-west-1",
        "GOOGLE_APPLICATION_CREDENTIALS": "/nowhere/key.json",
        "AZURE_TENANT_ID": "real",
    }
    # at work in a folder whose modules must not be taken for the real ones
    (base / "json.py").write_text("raise RuntimeError('a module of the working folder was imported')\n")
    command = [sys.executable, "-P", "-c", RUN, "demo"]
    done = subprocess.run(command, cwd=base, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return read(base / "demo-output", done.stdout), log.read_text()


def located(ran: Ran) -> set[tuple[str, str, str]]:
    """(store name, role, country) of every placement."""
    sql = "SELECT s.name, p.role, p.country FROM placed p JOIN stores s USING (store_id)"
    answer = invoke("query", sql, "-f", "json", at=ran.folder)
    return {(row["name"], row["role"], row["country"]) for row in json.loads(answer.output)}


@pytest.mark.parametrize(
    ("store", "role", "country"),
    [
        ("hibiki-messenger-images", "replica", "KR"),
        ("hibiki-album-originals", "replica", "US"),
        ("messages", "replica", "SG"),
        ("messages-sg", "replica", "SG"),
        ("messages-drill-2024", "backup", "US"),
        ("messenger-daily", "backup", "US"),
        ("media/resizer", "replica", "DE"),
        ("messenger/db", "replica", "SG"),
        ("alias/messages", "replica", "SG"),
        ("img.hibiki.example", "cache", "ZZ"),
        ("hibiki-timeline-media", "primary", "JP"),
        ("hibiki-tmp-export", "primary", "ZZ"),
        ("timeline_events", "primary", "US"),
        ("timeline-users", "backup", "ZZ"),
        ("hibikitimeline", "replica", "JP"),
        ("hibikitimelinekr", "replica", "KR"),
        ("hibiki-comments", "replica", "SG"),
        ("ledger", "replica", "HK"),
        ("hibiki-pay", "replica", "HK"),
        ("hibiki-reply", "processing", "ZZ"),
    ],
)
def test_a_planted_copy_is_in_the_inventory(demo: Ran, store: str, role: str, country: str) -> None:
    assert (store, role, country) in located(demo)


def test_spanner_asia1_is_japan_and_korea_while_the_bucket_of_that_name_is_japan(demo: Ran) -> None:
    found = located(demo)
    posts = "projects/hibiki-timeline-prod/instances/feed/databases/posts"
    assert {country for name, _, country in found if name == posts} == {"JP", "KR"}
    assert {country for name, _, country in found if name == "hibiki-timeline-media"} == {"JP"}


def test_the_policy_names_every_country_of_equipment(demo: Ran) -> None:
    certain = {row["code"] for row in demo.axis("equipment") if row["certainty"] == "seen"}
    assert certain == {"BE", "HK", "IN", "KR", "SG", "TW", "US"}
    assert {row["party"] for row in demo.axis("equipment-third-party")} == {
        "Amazon Web Services",
        "Google Cloud",
        "Mekong Night Shift",
        "Microsoft Azure",
    }
    assert not any(axis["absence_may_be_stated"] for axis in demo.policy["axes"].values())


def test_the_contractor_registered_in_japan_was_at_work_in_china(demo: Ran) -> None:
    (registered,) = [row for row in demo.rows["contractors"] if row.contractor_id == "kaede-review"]
    assert (registered.seat, registered.staff_countries) == ("JP", ("JP",))
    abroad = [row for row in demo.rows["access"] if row.countries == ("CN",)]
    assert len({row.principal for row in abroad}) == 4
    assert sum(row.count for row in abroad) == 32
    assert (max(row.last for row in abroad) - min(row.first for row in abroad)).days > 2 * 365
    (row,) = [row for row in demo.axis("contractors") if row["code"] == "CN"]
    assert (row["party"], row["certainty"]) == ("Kaede Review K.K.", "seen")
    assert "cloudtrail logs/cloudtrail.json" in row["because"][0]


def test_sources_name_files_as_the_configuration_does(demo: Ran) -> None:
    sources = {row.source for row in (*demo.rows["contractors"], *demo.rows["access"])}
    assert sources
    assert not any("/" in source.replace("logs/", "") for source in sources)


def test_that_contractor_is_the_highest_certain_exposure(demo: Ran) -> None:
    first = max(demo.scores, key=lambda row: float(row["seen_lo"]))
    assert (first["jurisdiction"], first["channel"], first["witness"]) == ("CN", "access", "contractor:kaede-review")
    assert (first["service"], first["data_class"]) == ("messenger", "communication.content")
    explained = json.loads((demo.folder / "scores.json").read_text("utf-8"))["top"]
    (china,) = [item for item in explained if item["jurisdiction"] == "CN"]
    assert china["witness"] == ["contractor:kaede-review"]
    assert re.search(r"assumed-role/report-review/eng-0\d from .*: CN", json.dumps(china["trace"]))


def test_re_entrustment_and_unknown_countries_are_kept(demo: Ran) -> None:
    above = {row.contractor_id: row.entrusted_by for row in demo.rows["contractors"]}
    assert (above["mekong-night"], above["saigon-desk"], above["minato-support"]) == (
        "saigon-desk",
        "minato-support",
        "",
    )
    parties = {(row["code"], row["party"]) for row in demo.axis("contractors")}
    assert {("VN", "Saigon Desk Co., Ltd."), ("ZZ", "Mekong Night Shift")} <= parties
    assert ("KR", "Hangang Development Co., Ltd.") in parties


def test_outsiders_who_can_reach_stores_are_found(demo: Ran) -> None:
    found = {(row.principal_kind, row.external, row.store_id.rsplit("/", 1)[-1]) for row in demo.rows["grants"]}
    assert ("account", "yes", "arn:aws:s3:::hibiki-album-originals") in found
    assert ("public", "yes", "arn:aws:s3:::hibiki-web-static") in found
    assert any(kind == "tenant" and name == "ledger" for kind, _, name in found)


def test_what_was_not_seen_is_exactly_what_refused(demo: Ran) -> None:
    statuses: dict[str, set[str]] = {}
    for unit in demo.rows["units"]:
        statuses.setdefault(unit.account, set()).add(unit.status)
    wholly = {account: kinds for account, kinds in statuses.items() if kinds in ({"denied"}, {"skipped"})}
    assert {account for account in wholly if not account.isdigit()} == {
        "folders/710000000002",
        "hibiki-old-board",
        "5a000000-0000-4000-8000-000000000003",
    }
    assert sum(account.isdigit() for account in wholly) == 1
    partly = {(unit.kind, unit.status) for unit in demo.rows["units"] if unit.account not in wholly}
    assert {kind for kind, status in partly if status == "denied"} == {"aws.dynamodb.table"}
    # a stand-in that fails would hide a defect behind a gap
    found = [gap for gap in demo.rows["gaps"] if gap.kind != "azure.resources.tenant"]  # nobody says where it lies
    assert not [gap for gap in found if gap.cause not in {"denied", "skipped"}]
    assert any(status == "closed" for _, status in partly)
    left_out = [gap.message for gap in demo.rows["gaps"] if "leaves out the regions" in gap.message]
    assert len(left_out) == 4


def test_untagged_stores_stay_unknown_and_nothing_means_nothing(demo: Ran) -> None:
    assert "4 stores are not classified: what they hold is not known" in demo.policy["gaps"]
    reasons = " ".join(reason for name in demo.policy["axes"] for row in demo.axis(name) for reason in row["because"])
    assert "hibiki-web-static" not in reasons
    assert "image-resize" in reasons


def test_the_summary_is_short_and_tells_the_findings(demo: Ran) -> None:
    lines = demo.said.splitlines()
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 118
    for words in (
        "The register says Kaede Review K.K. works in Japan; the logs say China",
        "4 principals, 32 accesses, 2023-08-21 to 2026-02-18",
        "Minato Support K.K. (JP) -> Saigon Desk Co., Ltd. (VN) -> Mekong Night Shift (country unknown)",
        "arn:aws:iam::998877665544:root can read hibiki-album-originals",
        "folders/710000000002",
        "residency check published-policy.ja.md",
        "User information lies in 7 countries that it does not name",
    ):
        assert words in demo.said, words


def test_the_other_commands_work_in_the_folder_without_servers(demo: Ran, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(demo.folder, folder)
    checked = invoke("check", "published-policy.ja.md", at=folder)
    assert checked.exit_code == 1
    assert "missing [equipment] 韓国 (KR)" in checked.output
    assert "missing [contractors] 中国 (CN) is concerned through Kaede Review K.K." in checked.output
    assert "absence [equipment]" in checked.output
    before = (folder / "published-policy.ja.md").read_bytes()
    assert invoke("disclose", "published-policy.ja.md", at=folder).exit_code == 0
    after = (folder / "published-policy.ja.md").read_bytes()
    assert after != before
    assert after.endswith("お客様相談室\n".encode())
    assert invoke("check", "published-policy.ja.md", at=folder).exit_code == 0
    explained = invoke("explain", "CN", at=folder)
    assert explained.exit_code == 0
    assert "contractor:kaede-review" in explained.output
    assert re.search(r"assumed-role/report-review/eng-0\d from .*: CN", explained.output)
    assert "log cloudtrail logs/cloudtrail.json" in explained.output
    assert invoke("assess", "-f", "json", at=folder).exit_code == 0
    assert invoke("report", "--out", "again.html", at=folder).exit_code == 0
    assert (folder / "again.html").read_bytes() == (folder / "report.html").read_bytes()


def timeless(text: str) -> str:
    """Without days and times; moto writes them into the names of automatic snapshots."""
    return re.sub(r"\d{4}-\d\d-\d\d(T[\d:.]+(Z|\+00:00)?|-\d\d-\d\d)?", "DAY", text)


def test_two_demos_give_the_same(demo: Ran, second: tuple[Ran, str]) -> None:
    other = second[0]
    for name in ("policy.json", "policy.ja.md", "policy.en.md", "scores.csv", "scores.json", "contractors.csv"):
        one, two = ((ran.folder / name).read_text("utf-8") for ran in (demo, other))
        assert timeless(one) == timeless(two), name
    stores = [{row.store_id for row in ran.rows["stores"] if ":snapshot:" not in row.store_id} for ran in (demo, other)]
    assert stores[0] == stores[1]


def test_nothing_but_loopback_is_asked_and_the_pipe_stays_quiet(second: tuple[Ran, str]) -> None:
    noted = second[1].splitlines()
    assert noted.count("watching") >= 2  # the demo, and its stand-in for AWS
    assert [line for line in noted if line != "watching"] == []


def test_a_foreign_folder_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    result = invoke("demo", "--out", str(tmp_path))
    assert isinstance(result.exception, ConfigError)
    assert "is not a folder of an earlier demo" in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_missing_moto_is_said_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moto", None)
    result = invoke("demo", "--out", str(tmp_path / "out"))
    assert str(result.exception) == "demo: moto is not installed; run pip install 'residency[demo]'"
    assert not (tmp_path / "out").exists()


# The folder


def test_an_earlier_demo_is_replaced_and_other_files_stay(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with fill_folder(folder) as work:
        (work / "old" / "deep").mkdir(parents=True)
        (work / "old" / "deep" / "a").write_text("1")
        (work / "kept").write_text("1")
    (folder / "mine.txt").write_text("mine")
    with fill_folder(folder) as work:
        (work / "kept").write_text("2")
    assert sorted(path.name for path in folder.rglob("*")) == [MARKER, "kept", "mine.txt"]
    assert (folder / "kept").read_text() == "2"


def test_a_failed_demo_leaves_the_earlier_one(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with fill_folder(folder) as work:
        (work / "a").write_text("1")

    def failing() -> None:
        with fill_folder(folder) as work:
            (work / "a").write_text("2")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    assert (folder / "a").read_text() == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_marker_that_points_outside_deletes_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("1")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / MARKER).write_text(f"../precious\n{tmp_path}/precious\n")
    with fill_folder(folder) as work:
        (work / "a").write_text("1")
    assert (tmp_path / "precious").read_text() == "1"


def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ConfigError, match="is left as it is"), fill_folder(tmp_path / "out"):
        pass


def test_a_folder_that_cannot_be_made_or_filled_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError), fill_folder(tmp_path / "file" / "out"):
        pass
    (tmp_path / "out" / "a").mkdir(parents=True)
    (tmp_path / "out" / MARKER).write_text("")

    def fill() -> None:
        with fill_folder(tmp_path / "out") as work:
            (work / "a").write_text("a folder of that name is in the way")

    with pytest.raises(StorageError):
        fill()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "out"]


def test_a_stand_in_that_does_not_start_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no room >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    result = invoke("demo", "--out", str(tmp_path / "out"))
    assert str(result.exception) == "demo: the stand-in for AWS did not start: no room"
    assert not (tmp_path / "out").exists()


# The environment


def test_the_environment_is_closed_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "https_proxy", "GOOGLE_CLOUD_PROJECT", "AZURE_CLIENT_ID"):
        monkeypatch.setenv(name, "mine")
    monkeypatch.setenv("HOME_SWEET", "stays")
    before = dict(os.environ)
    with closed_environment():
        assert not {"AWS_PROFILE", "https_proxy", "GOOGLE_CLOUD_PROJECT", "AZURE_CLIENT_ID"} & set(os.environ)
        assert os.environ["AWS_EC2_METADATA_DISABLED"] == "true"
        assert os.environ["HOME_SWEET"] == "stays"
    assert dict(os.environ) == before


# The seed


def test_holes_are_filled_at_any_depth() -> None:
    known = {"account.media": "1"}
    assert fill({"{{account.media}}": ["a{{account.media}}b", 2, None]}, known) == {"1": ["a1b", 2, None]}
    with pytest.raises(KeyError):
        fill("{{nobody}}", known)


def test_a_faulty_seed_names_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "aws.yaml"
    file.write_text("given: {}\nsteps: [{call: nonsense}]\n")
    with pytest.raises(FaultsError, match=r"aws\.yaml"):
        load_seed(file)


def test_no_address_of_the_logs_is_reserved_for_documentation() -> None:
    text = "".join(path.read_text("utf-8") for path in (EXAMPLE / "logs").iterdir())
    addresses = set(re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", text))
    assert addresses
    assert not [item for item in addresses if item.startswith(("192.0.2.", "198.51.100.", "203.0.113."))]


# The guard


def ask(guard: Guard, method: str = "POST", path: str = "/", body: bytes = b"", **headers: str) -> tuple[str, str]:
    said: list[str] = []

    def start(status: str, _headers: list[tuple[str, str]]) -> None:
        said.append(status)

    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        **headers,
    }
    return "".join(part.decode() for part in guard(environ, start)) or said[0], said[0]


def signed(service: str, region: str = "eu-west-1", key: str = "K1") -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={key}/20260101/{region}/{service}/aws4_request, x=y"}


@pytest.fixture
def guard() -> Guard:
    def inner(environ: dict[str, Any], start: Any) -> list[bytes]:
        start("200 OK", [])
        return [b"moto " + environ["wsgi.input"].read()]

    guard = Guard(inner, {"K1": "111111111111", "K2": "222222222222"}.__getitem__)
    rules = {
        "regions": ["ap-northeast-1"],
        "services": ["rds", "s3", "sts", "account", "dynamodb"],
        "anywhere": ["s3", "sts", "account"],
        "no_role": ["999999999999"],
        "denied": {"222222222222": ["dynamodb"]},
        "regions_on": ["ap-northeast-1"],
        "regions_off": ["ap-east-1"],
    }
    assert ask(guard, body=b"early", **signed("rds")) == ("moto early", "200 OK")
    assert ask(guard, "PUT", GUARD_PATH, json.dumps(rules).encode())[1] == "204 No Content"
    return guard


@pytest.mark.parametrize(
    ("service", "region", "key", "words"),
    [
        ("rds", "ap-northeast-1", "K1", "moto"),
        ("s3", "us-east-1", "K1", "moto"),
        ("rds", "eu-west-1", "K1", "explicit deny in a service control policy"),
        ("athena", "ap-northeast-1", "K1", "explicit deny in a service control policy"),
        ("dynamodb", "ap-northeast-1", "K1", "moto"),
        ("dynamodb", "ap-northeast-1", "K2", "no identity-based policy allows"),
    ],
)
def test_the_guard_refuses_by_rule(guard: Guard, service: str, region: str, key: str, words: str) -> None:
    assert words in ask(guard, **signed(service, region, key))[0]


def test_the_guard_lets_no_role_be_assumed_where_there_is_none(guard: Guard) -> None:
    body = b"Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A{}%3Arole%2Freader"
    refused, status = ask(guard, body=body.replace(b"{}", b"999999999999"), **signed("sts"))
    assert status == "403 Forbidden"
    assert "not authorized to perform: sts:AssumeRole" in refused
    assert ask(guard, body=body.replace(b"{}", b"111111111111"), **signed("sts"))[1] == "200 OK"


def test_the_guard_answers_what_moto_lacks(guard: Guard) -> None:
    regions = json.loads(ask(guard, path="/listRegions", **signed("account"))[0])["Regions"]
    assert [item["RegionOptStatus"] for item in regions] == ["ENABLED_BY_DEFAULT", "DISABLED"]
    said, status = ask(guard, "GET", "/backup-vaults/v/access-policy")
    assert status == "400 Bad Request"
    assert "ResourceNotFoundException" in said


@pytest.mark.parametrize(
    ("service", "content_type", "starts"),
    [
        ("ec2", "application/x-www-form-urlencoded", "<Response><Errors>"),
        ("s3", "", "<Error><Code>AccessDenied"),
        ("rds", "application/x-www-form-urlencoded; charset=utf-8", "<ErrorResponse>"),
        ("kms", "application/x-amz-json-1.1", '{"__type": "AccessDeniedException"'),
    ],
)
def test_a_refusal_has_the_form_of_its_protocol(service: str, content_type: str, starts: str) -> None:
    body = refusal_body(service, content_type, "no <way>")[1].decode()
    assert body.startswith(starts)
    assert ("no &lt;way&gt;" in body) != body.startswith("{")


def test_the_readmes_python_runs_on_the_demo(demo: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```python\n(.*?)```", readme, re.S)
    monkeypatch.chdir(demo.folder.parent)
    names: dict[str, Any] = {}
    exec(compile(snippet, "README.md", "exec"), names)
    assert not names["scores"].to_pandas().empty
