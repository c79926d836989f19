"""Every rule of the data files, each broken in the smallest file that shows it: rule, line and message."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from worlds import HERE

from residency.collect.spec import load_kinds
from residency.config import load_config
from residency.data import DataFolders, data_folders
from residency.errors import ConfigError, Fault, FaultsError
from residency.jurisdictions import load_jurisdictions
from residency.lawlint import notices
from residency.method.facts import load_fact_words
from residency.method.judgement import load_judgement
from residency.providers import load_providers
from residency.yamlfile import dump, load, load_model, parse

LAW = HERE / "data" / "law"
COUNTRY = "jurisdictions/QZ.yaml"
PROVIDER = "providers/quasar/provider.yaml"
REGIONS = "providers/quasar/regions.yaml"
KINDS = "providers/quasar/kinds.yaml"
KIND_FILE = """provider: quasar
kinds:
  quasar.disk.volume:
    holds: blocks
    list: {service: disk, operation: ListVolumes, items: "Volumes[]", iam: ["disk:List"]}
    detail:
      - {service: disk, operation: GetVolume, args: {Id: "@Id"}, iam: ["disk:Get"], into: volume, gives: [key]}
    id: Id
    placements:
      - {role: primary, location: ctx.region}
    key:
      - {custody: customer-managed, id: volume.Key, needs: [volume]}
      - {custody: none}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(LAW, tmp_path / "data")
    (tmp_path / "data" / KINDS).write_text(KIND_FILE, encoding="utf-8")
    return tmp_path / "data"


def faults_of(read: Callable[[], object]) -> list[Fault]:
    with pytest.raises(FaultsError) as caught:
        read()
    assert str(caught.value).count("\n") == len(caught.value.faults) - 1, "a fault is one line"
    return list(caught.value.faults)


def edit(file: Path, old: str, new: str) -> int:
    """Replace the first occurrence; answers its line."""
    text = file.read_text(encoding="utf-8")
    assert old in text, old
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


# (rule, what is replaced, by what, line after the replaced line, part of the message)
Case = tuple[str, str, str, int, str]

LAW_CASES: list[Case] = [
    ("schema", "code: QZ", "kode: QZ", 0, "kode: unknown key"),
    ("schema", "reviewed: 2026-10-02", "reviewed: soon", 0, "reviewed: 'soon' is not a day"),
    ("schema", "    kind: statute", "    kind: rumour", 0, "kind"),
    ("schema", "url: https://law.example/qz/1998/4", "url: law.example", 0, "url"),
    ("stem", "code: QZ", "code: QQ", 0, "code 'QQ' must be the file's stem 'QZ'"),
    ("review", "review_by: 2027-10-02", "review_by: 2026-10-02", 0, "must be later"),
    ("id", "  cpc-1998:", "  CPC_1998:", 0, "lower-case words"),
    ("period", "[{from: 1998-04-01}]", "[{from: 1998-04-01, to: 1998-04-01}]", 0, "`to` must be later"),
    ("overlap", "{from: 2024-09-01, note: re", "{from: 2023-09-01, note: re", 0, "in_force periods overlap"),
    ("fact-key", "  power.key.decryption:", "  power.key.magic:", 0, "unknown key 'power.key.magic'"),
    ("missing", "  power.key.decryption:", "  power.key.magic:", -43, "power.key.decryption is missing"),
    ("attribute", "      scope: individual", "      skope: individual", 0, "unknown key 'skope'"),
    ("attribute", "      scope: individual", "      scope: galaxy", 0, "scope: 'galaxy' is none of individual"),
    ("attribute", "      scope: individual\n", "", -4, "attribute 'scope' is missing; `unknown` is allowed"),
    (
        "value",
        'value: partly, cite: [{instrument: sia-2019, at: "ss.',
        'value: maybe, cite: [{instrument: sia-2019, at: "ss.',
        0,
        "value 'maybe' is none of yes, partly, no",
    ),
    (
        "citation",
        '[{instrument: cpc-1998, at: "art. 112"',
        '[{instrument: nowhere, at: "art. 112"',
        0,
        "no instrument 'nowhere'",
    ),
    ("searched", ', searched: "both Acts; no word on keys"', "", 0, "unknown needs `searched`"),
    (
        "uncited",
        ', cite: [{instrument: sia-2019, at: "s. 14", says: no necessity test}]',
        "",
        0,
        "value 'no' has no citation",
    ),
    (
        "confidence",
        "no necessity test}], confidence: medium",
        "no necessity test}]",
        0,
        "has no confidence (high, medium, low)",
    ),
    (
        "disputed",
        "      note: the ministry reads s. 14 as covering data abroad; the bar association does not\n",
        "",
        -7,
        "disputed needs `note`",
    ),
    (
        "unused-instrument",
        "  cpc-1998:",
        "  spare-1: {title: {en: A, original: A}, citation: A, kind: order, in_force: [{from: 2000-01-01}], "
        'url: "https://x.example"}\n  cpc-1998:',
        0,
        "cited by no fact",
    ),
    ("missing", "  may_affect:", "  may_effect:", -1, "may_affect is missing"),
    ("yaml", "code: QZ", "code: [QZ", 1, "not YAML"),
    ("duplicate-key", "code: QZ", "code: QZ\ncode: QZ", 1, "duplicate key 'code', first on line 2"),
]

PROVIDER_CASES: list[tuple[str, Case]] = [
    (PROVIDER, ("stem", "id: quasar", "id: pulsar", 0, "must be its folder's name")),
    (PROVIDER, ("reference", "operator: quasar-dc", "operator: nobody", 0, "no entity 'nobody'")),
    (PROVIDER, ("reference", "kind: cloud", "kind: cloud\npart_of: nebula", 1, "no provider 'nebula'")),
    (
        PROVIDER,
        (
            "reference",
            "{customers: [JP], entity: quasar-japan",
            "{customers: [JP], entity: nobody",
            -1,
            "no entity 'nobody'",
        ),
    ),
    (
        PROVIDER,
        (
            "reference",
            "owners: [{entity: quasar-holding, share: 1.0, from",
            "owners: [{entity: nobody, share: 1.0, from",
            0,
            "quasar-dc: no entity 'nobody'",
        ),
    ),
    (PROVIDER, ("country", "    seat: QZ", "    seat: Quazonia", 0, "not an alpha-2 code or unknown")),
    (
        PROVIDER,
        (
            "ring",
            "    seat: QZ",
            '    seat: QZ\n    owners: [{entity: quasar-dc, source: {url: "https://x.example", confidence: low}}]',
            -2,
            "owns itself",
        ),
    ),
    (
        PROVIDER,
        ("schema", "share: 1.0, from: 2018-01-01", "share: 1.5, from: 2018-01-01", 0, "less than or equal to 1"),
    ),
    (REGIONS, ("reference", "provider: quasar", "provider: pulsar", 0, "no provider.yaml of id 'pulsar'")),
    (
        REGIONS,
        (
            "country",
            "countries: [DE], from",
            "countries: [Germany], from",
            0,
            "'Germany' is not an ISO 3166-1 alpha-2 code",
        ),
    ),
    (REGIONS, ("country", "countries: [DE, FR]", "countries: [DE, DE]", 0, "a country stands twice")),
    (REGIONS, ("country", "countries: [DE, FR]", "countries: [DE, ZZ]", 0, "stands alone")),
    (REGIONS, ("schema", "countries: [DE, FR]", "countries: []", 0, "at least 1 item")),
    (REGIONS, ("reference", "paired: eu-paris-1", "paired: eu-rome-1", 0, "no region 'eu-rome-1'")),
    (REGIONS, ("reference", "members: [eu-berlin-1, eu", "members: [eu-rome-1, eu", 0, "no region 'eu-rome-1'")),
    (REGIONS, ("reference", "place: Paris,", "place: Paris, operator: nobody,", 0, "no entity 'nobody'")),
    (REGIONS, ("period", "from: 2019-05-01", "from: 2019-05-01, to: 2019-01-01", 0, "`to` must be later")),
    (REGIONS, ("reference", "aliases: {europe: eu}", "aliases: {europe: ue}", 0, "no region 'ue'")),
]

KIND_CASES: list[Case] = [
    ("kind", "  quasar.disk.volume:", "  pulsar.disk.volume:", 0, "must be quasar.service.thing"),
    ("needs", "needs: [volume]", "needs: [acl]", 0, "no detail call gives `into: acl`"),
    ("path", "    id: Id", '    id: "Id["', 0, "not JMESPath"),
    ("path", "location: ctx.region", 'location: "a..b"', 0, "not JMESPath"),
    ("schema", ', iam: ["disk:List"]', "", 0, "required key is missing"),
    ("schema", "{role: primary, location: ctx.region}", "{role: primary}", 0, "needs `location`, `fixed` or `target`"),
    ("schema", "location: ctx.region", "location: ctx.region, fixed: eu", 0, "exclude each other"),
    ("schema", "    id: Id", "    id: Id\n    grants: [{policy: A, acl: B}]", 1, "exactly one of"),
    ("schema", "custody: none", "custody: nobody", 0, "custody"),
]


def assert_fault(found: list[Fault], label: str, line: int, case: Case) -> None:
    rule, _, _, shift, text = case
    hits = [fault for fault in found if fault.rule == rule and text in fault.message]
    assert hits, found
    assert (label, line + shift) in {(fault.file, fault.line) for fault in hits}


@pytest.mark.parametrize("case", LAW_CASES, ids=[f"{case[0]}-{number}" for number, case in enumerate(LAW_CASES)])
def test_law(folder: Path, case: Case) -> None:
    line = edit(folder / COUNTRY, case[1], case[2])
    found = faults_of(lambda: load_jurisdictions(DataFolders(folder), load_fact_words()))
    assert_fault(found, COUNTRY, line, case)


@pytest.mark.parametrize(
    ("label", "case"), PROVIDER_CASES, ids=[f"{c[0]}-{n}" for n, (_, c) in enumerate(PROVIDER_CASES)]
)
def test_providers(folder: Path, label: str, case: Case) -> None:
    line = edit(folder / label, case[1], case[2])
    assert_fault(faults_of(lambda: load_providers(DataFolders(folder))), label, line, case)


@pytest.mark.parametrize("case", KIND_CASES, ids=[f"{case[0]}-{number}" for number, case in enumerate(KIND_CASES)])
def test_kinds(folder: Path, case: Case) -> None:
    line = edit(folder / KINDS, case[1], case[2])
    assert_fault(faults_of(lambda: load_kinds(DataFolders(folder))), KINDS, line, case)


def test_a_kind_may_stand_in_one_file_of_its_folder_only(folder: Path) -> None:
    more = (folder / KINDS).with_name("kinds-more.yaml")
    more.write_text(KIND_FILE.replace("quasar.disk.volume", "quasar.disk.other"), encoding="utf-8")
    assert {"quasar.disk.other", "quasar.disk.volume"} <= set(load_kinds(DataFolders(folder)))
    more.write_text(KIND_FILE, encoding="utf-8")
    (fault,) = faults_of(lambda: load_kinds(DataFolders(folder)))
    assert (fault.rule, fault.file) == ("kind", KINDS)
    assert "is defined in providers/quasar/kinds-more.yaml already" in fault.message
    overlay = folder.parent / "mine" / more.relative_to(folder)
    overlay.parent.mkdir(parents=True)
    more.rename(overlay)
    assert "quasar.disk.volume" in load_kinds(DataFolders(folder, folder.parent / "mine"))


def test_an_unknown_list_in_a_commitment(folder: Path) -> None:
    line = edit(folder / COUNTRY, "list: coe_convention_108", "list: wishes")
    (fault,) = faults_of(lambda: load_jurisdictions(DataFolders(folder), load_fact_words()))
    assert (fault.rule, fault.line) == ("attribute", line)
    assert "list: 'wishes' is none of the lists of _commitments.yaml" in fault.message


def test_parallel_entries_may_overlap_only_where_their_regime_differs(folder: Path) -> None:
    edit(folder / COUNTRY, "      regime: intelligence", "      regime: criminal")
    (fault,) = faults_of(lambda: load_jurisdictions(DataFolders(folder), load_fact_words()))
    assert (fault.rule, fault.line) == ("overlap", 38)
    assert "with the same regime 'criminal'" in fault.message


def test_faults_of_schema_hide_no_others_of_the_same_file(folder: Path) -> None:
    file = folder / COUNTRY
    edit(file, "reviewed: 2026-10-02", "reviewed: soon")
    edit(file, "    kind: statute", "    kind: rumour")
    edit(file, "      scope: individual", "      scope: galaxy")
    edit(file, "  pdpa-2015:", "  PDPA:")
    found = faults_of(lambda: load_jurisdictions(DataFolders(folder), load_fact_words()))
    assert {fault.rule for fault in found} == {"schema", "attribute", "id", "citation", "unused-instrument"}
    assert not [fault for fault in found if "'cpc-1998'" in fault.message], "a faulty instrument is still there to cite"


def test_a_typo_in_an_entry_is_one_fault_and_its_instruments_stay_cited(folder: Path) -> None:
    file = folder / COUNTRY
    text = file.read_text(encoding="utf-8")
    for word in ("high", "medium", "low"):
        text = text.replace(f"confidence: {word}", f"confidence: {word}n")
    file.write_text(text, encoding="utf-8")
    found = faults_of(lambda: load_jurisdictions(DataFolders(folder), load_fact_words()))
    assert {fault.rule for fault in found} == {"schema"}


def test_a_treaty_that_is_not_in_force_has_no_period(folder: Path) -> None:
    file = folder / COUNTRY
    text = re.sub(r"    in_force:(?: \[.*\]|(?:\n +- .*)+)", "    in_force: []", file.read_text(encoding="utf-8"))
    file.write_text(text, encoding="utf-8")
    law = load_jurisdictions(DataFolders(folder), load_fact_words())
    changes = law.changes(dt.date(1900, 1, 1), dt.date(2100, 1, 1))
    assert changes
    assert not [change for change in changes if change.country == "QZ" and change.subject == "instrument"]
    assert not [item for item in notices(law, dt.date(2026, 11, 1)) if "outlasts" in item.message]


def test_faults_of_many_files_come_in_one_run(folder: Path) -> None:
    text = (folder / COUNTRY).read_text(encoding="utf-8")
    (folder / "jurisdictions" / "QY.yaml").write_text(text.replace("searched:", "sought:"), encoding="utf-8")
    edit(folder / COUNTRY, "code: QZ", "code: QQ")
    (folder / "jurisdictions" / "_groups.yaml").write_text("groups: {EU: {name: {en: EU, ja: EU}}}\n", encoding="utf-8")
    found = faults_of(lambda: load_jurisdictions(DataFolders(folder), load_fact_words()))
    assert {fault.file for fault in found} == {COUNTRY, "jurisdictions/QY.yaml", "jurisdictions/_groups.yaml"}

    edit(folder / PROVIDER, "id: quasar", "id: pulsar")
    edit(folder / PROVIDER, "share: 1.0, from: 2018-01-01", "share: 7, from: 2018-01-01")
    edit(folder / REGIONS, "countries: [DE], from", "countries: [Germany], from")
    edit(folder / REGIONS, "kind: global", "kind: galaxy")
    found = faults_of(lambda: load_providers(DataFolders(folder)))
    assert {(fault.file, fault.rule) for fault in found} == {
        (PROVIDER, "stem"),
        (PROVIDER, "schema"),
        (REGIONS, "country"),
        (REGIONS, "schema"),
    }

    edit(folder / KINDS, "    holds: blocks\n", "")
    extra = (
        KIND_FILE.partition("kinds:\n")[2]
        .replace("quasar.disk.volume", "quasar.disk.other")
        .replace("id: Id", 'id: "Id["')
    )
    with (folder / KINDS).open("a", encoding="utf-8") as sink:
        sink.write(extra)
    assert {fault.rule for fault in faults_of(lambda: load_kinds(DataFolders(folder)))} == {"schema", "path"}


# yaml itself


@pytest.mark.parametrize(
    ("text", "rule", "line", "message"),
    [
        ("", "yaml", 0, "the file is empty"),
        ("a: [1\n", "yaml", 2, "not YAML"),
        ("a: 1\na: 2\n", "duplicate-key", 2, "duplicate key 'a', first on line 1"),
        ("a: {b: 1, b: 2}\n", "duplicate-key", 1, "duplicate key 'b'"),
        ("a: &x [1]\nb: *x\n", "alias", 1, "anchors and aliases are not allowed"),
        ("a: &x 1\nb: *x\n", "alias", 1, "anchors and aliases are not allowed"),
        ("&a [*a]\n", "alias", 1, "anchors and aliases are not allowed"),
        ("a:\n\t- b\n", "yaml", 2, "not YAML"),
        ("a: 1\nb: \x00\n", "yaml", 2, "control characters are not allowed"),
        ("--- \na: 1\n---\nb: 2\n", "yaml", 3, "another document"),
        ("? [a]\n: 1\n", "key", 1, "a key must be text"),
        ("a: 1\nb: " + "[" * 3000, "yaml", 2, "nested too deeply"),
        ("- " * 3000, "yaml", 1, "nested too deeply"),
    ],
)
def test_yaml(text: str, rule: str, line: int, message: str) -> None:
    (fault,) = parse(text, "f.yaml").faults
    assert (fault.rule, fault.line) == (rule, line)
    assert message in fault.message
    assert "\n" not in str(fault)


def test_yaml_that_is_not_text_or_not_there(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(b"a: 1\nb: \xff\n")
    (fault,) = load(file, "f.yaml").faults
    assert (fault.rule, fault.line) == ("encoding", 2)
    (fault,) = load(tmp_path / "none.yaml").faults
    assert fault.rule == "unreadable"
    assert load_model(load_fact_words().__class__, tmp_path / "none.yaml")[0] is None


def test_words_of_yaml_1_2_only_and_dump_reads_back() -> None:
    text = "a: NO\nb: on\nc: true\nd: 012\ne: 1.5\nf: -3\ng: 2026-01-02\nh: ~\ni: 'true'\nj: 1e3\nk: .inf\n"
    data = parse(text).data
    assert data == {
        "a": "NO",
        "b": "on",
        "c": True,
        "d": "012",
        "e": 1.5,
        "f": -3,
        "g": "2026-01-02",
        "h": None,
        "i": "true",
        "j": 1000.0,
        "k": ".inf",
    }
    assert parse(dump(data)).data == data


def test_the_cache_gives_the_same_and_survives_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RESIDENCY_NO_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = load(LAW / COUNTRY, "x")
    (entry,) = (tmp_path / "cache").rglob("*.json")
    assert load(LAW / COUNTRY, "x") == first
    entry.write_text("{", encoding="utf-8")
    assert load(LAW / COUNTRY, "x") == first
    monkeypatch.setenv("RESIDENCY_NO_CACHE", "1")
    assert load(LAW / COUNTRY, "x") == first


def test_a_cache_that_cannot_be_written_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RESIDENCY_NO_CACHE", raising=False)
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert load(LAW / COUNTRY, "x").faults == ()


# residency.yaml

CONFIG = """organisation: {id: acme, name: {en: Acme, ja: アクメ}, seat: JP}
home: JP
services:
  - {id: chat, name: {en: Chat, ja: チャット}, classes: [communication.content]}
classification:
  rules:
    - {match: {name: "log-*"}, service: chat}
method:
  strengths.constants.safeguard_cap: {value: 0.4, reason: our counsel's view}
"""
CONFIG_CASES: list[Case] = [
    ("schema", "seat: JP", "seat: Japan", 0, "organisation.seat"),
    ("schema", "home: JP", "hom: JP", 0, "hom: unknown key"),
    ("home", "home: JP", "home: Japan", 0, "'Japan' is no country or group"),
    (
        "duplicate",
        "classes: [communication.content]}",
        "classes: [communication.content]}\n  - {id: chat, name: {en: C, ja: C}, classes: [facility]}",
        -1,
        "a service id stands twice",
    ),
    ("class", "[communication.content]", "[secrets]", 0, "no data class 'secrets'; there are"),
    ("class", "service: chat", "classes: [secrets]", 0, "no data class 'secrets'"),
    ("class", "service: chat", "service: chat, classes: [facility]", 0, "not declared by service 'chat'"),
    ("service", "service: chat", "service: chess", 0, "no service 'chess'; there are chat"),
    ("schema", "service: chat", "holds: nothing", 0, "`holds: nothing` needs a `reason`"),
    ("schema", "service: chat", "holds: nothing, reason: r, service: chat", 0, "excludes service and classes"),
    ("schema", ", service: chat", "", 0, "say `service`, `classes` or both"),
    ("schema", '{name: "log-*"}', "{}", 0, "a match needs at least one condition"),
    ("schema", ", reason: our counsel's view", "", 0, "reason: required key is missing"),
]
CLASSES = frozenset({"communication.content", "facility"})


@pytest.mark.parametrize("case", CONFIG_CASES, ids=[f"{case[0]}-{number}" for number, case in enumerate(CONFIG_CASES)])
def test_config(tmp_path: Path, case: Case) -> None:
    file = tmp_path / "residency.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    load_config(file, CLASSES, {"EU"})
    line = edit(file, case[1], case[2])
    assert_fault(faults_of(lambda: load_config(file, CLASSES, {"EU"})), str(file), line, case)


def test_config_faults_of_all_sorts_come_in_one_run(tmp_path: Path) -> None:
    file = tmp_path / "residency.yaml"
    text = CONFIG.replace("seat: JP", "seat: Japan").replace("service: chat", "service: chess")
    file.write_text(
        text.replace("home: JP", "home: Mars").replace("[communication.content]", "[secrets]"), encoding="utf-8"
    )
    found = faults_of(lambda: load_config(file, CLASSES, {"EU"}))
    assert {fault.rule for fault in found} == {"schema", "home", "class", "service"}


def test_config_that_is_missing_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file; `residency init` writes one"):
        load_config(tmp_path / "residency.yaml", CLASSES)


# method files

METHOD = Path(load_judgement.__code__.co_filename).parent


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("classes", "sensitivity: 1.0", "sensitivity: 1.2", "less than or equal to 1"),
        (
            "strengths",
            "  primary:    {strength: 1.0, ",
            "  primary:    {strength: [0.9, 0.1], ",
            "is not a range within [0, 1]",
        ),
        ("strengths", "  primary: ", "  premier: ", "no strength for primary"),
        ("strengths", "  staff:          {strength: [", "  staf:          {strength: [", "no strength for staff"),
        ("strengths", "  observed:  ", "  seen:  ", "no strength for observed"),
        ("strengths", "  safeguard_cap:", "  cap:", "no strength for safeguard_cap"),
        ("strengths", "below: 25", "below: 5", "bands must rise"),
        ("strengths", "below: 101", "below: 99", "must reach above 100"),
        ("grades", "  storage:   [", "  stowage:   [", "channels must be exactly"),
        ("grades", "  absent: 0.0", "  absent: 3", "less than or equal to 1"),
        ("grades", "    secrecy:       {open", "    silence:       {open", "must name the same attributes"),
        ("grades", "partly: 0.55, ", "", "no grade for partly"),
    ],
)
def test_method_files(tmp_path: Path, name: str, old: str, new: str, message: str) -> None:
    for file in METHOD.glob("*.yaml"):
        shutil.copy(file, tmp_path)
    edit(tmp_path / f"{name}.yaml", old, new)
    edit(tmp_path / "classes.yaml", "secrecy: true", "secret: true")
    found = faults_of(lambda: load_judgement(tmp_path))
    assert [fault for fault in found if message in fault.message and fault.file == f"method/{name}.yaml"], found
    assert [fault for fault in found if "secret: unknown key" in fault.message]


def test_fact_words_that_are_faulty(tmp_path: Path) -> None:
    (tmp_path / "facts.yaml").write_text("version: 1\n", encoding="utf-8")
    assert {fault.rule for fault in faults_of(lambda: load_fact_words(tmp_path / "facts.yaml"))} == {"schema"}


# folders


def test_an_overlay_adds_and_corrects_entry_by_entry(folder: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "mine"
    (overlay / "jurisdictions").mkdir(parents=True)
    (overlay / COUNTRY).write_text(
        """code: QZ
name: {en: Quazonia, ja: クアゾニア}
reviewed: 2026-11-01
review_by: 2027-11-01
instruments: {}
facts:
  power.key.decryption:
    - {from: 2021-10-22, value: no, cite: [{instrument: sia-2019, at: s. 9, says: none}], confidence: high}
findings: {}
disclosure: {may_affect: {value: unknown, summary: {en: x, ja: x}, searched: all}}
""",
        encoding="utf-8",
    )
    law = load_jurisdictions(DataFolders(folder, overlay), load_fact_words())
    assert law["QZ"].facts["power.key.decryption"][0].value == "no"
    assert law["QZ"].facts["power.access.assistance"][0].value == "no"
    with pytest.raises(ConfigError, match="is not a folder"):
        data_folders(tmp_path / "none")
    assert data_folders(overlay).files("jurisdictions/QZ.yaml") == [(str(overlay / COUNTRY), overlay / COUNTRY)]
