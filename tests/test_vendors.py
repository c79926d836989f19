"""The catalogue of vendors: every rule of its files broken once, and every file as shipped."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from vendor_world import VENDOR, vendor_folder

from residency.countries import load_countries
from residency.data import DataFolders
from residency.entities import owners_of
from residency.errors import Fault, FaultsError
from residency.vendors import UNKNOWN, Vendor, Vendors, load_vendors, staff_countries

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "providers/saas").glob("*.yaml"))
TODAY = dt.date(2026, 11, 25)
COMET = "providers/saas/comet.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return vendor_folder(tmp_path)


@pytest.fixture(scope="module")
def catalogue() -> Vendors:
    return load_vendors(DataFolders(ROOT))


def faults_of(folder: Path, overlay: Path | None = None) -> list[Fault]:
    with pytest.raises(FaultsError) as caught:
        load_vendors(DataFolders(folder, overlay))
    return list(caught.value.faults)


# (rule, what is replaced, by what, part of the message)
CASES: list[tuple[str, str, str, str]] = [
    ("schema", "category: support-desk", "category: magic", "category"),
    ("schema", "category: support-desk", "category: support-desk\nstars: 5", "stars: unknown key"),
    ("schema", "services: [Comet Desk, Comet Chat]", "services: []", "services"),
    ("schema", "domains: [", "domain: [", "domain: unknown key"),
    ("schema", "share: 0.8", "share: 80", "share"),
    ("schema", "why: establishment", "why: rumour", "why"),
    ("schema", "{countries: [US, unknown],", "{countries: [],", "countries"),
    ("schema", "control: audited", "control: trust", "control"),
    ("schema", "says: Tokyo and Osaka, confidence: high", "says: Tokyo and Osaka, confidence: sure", "confidence"),
    ("schema", "says: Tokyo and Osaka, confidence: high", "says: Tokyo and Osaka", "required key is missing"),
    ("stem", "id: comet\n", "id: planet\n", "must be the file's stem"),
    ("id", "  comet-fund:", "  Comet_Fund:", "lower-case words joined by hyphens"),
    ("review", "review_by: 2027-05-01", "review_by: 2026-11-01", "must be later"),
    ("duplicate", "[Comet Desk, Comet Chat]", "[Comet Desk, Comet Desk]", "a service stands twice"),
    ("entity", "  comet-fund:", "  quasar-dc:", "quasar-dc stands in providers/*/provider.yaml too"),
    ("reference", "- {entity: comet-fund,", "- {entity: nobody,", "comet-inc: no entity 'nobody'"),
    ("reference", "[JP], entity: comet-kk", "[JP], entity: nobody", "no entity 'nobody'"),
    ("ring", "- {entity: comet-fund,", "- {entity: comet-kk,", "owns itself"),
    ("country", "seat: unknown", "seat: nowhere", "not an alpha-2 code or unknown"),
    ("country", "seat: US", "seat: QQ", "comet-inc: seat 'QQ' is no country"),
    ("country", "incorporated: US", "incorporated: USA", "incorporated 'USA' is no country"),
    ("country", "{country: IE, why", "{country: EU, why", "foothold in 'EU', which is no country"),
    ("country", "customers: [JP]", "customers: [Japan]", "customers: 'Japan' is no alpha-2 code"),
    ("country", "countries: [US, unknown]", "countries: [US, ZZ]", "'ZZ' is no alpha-2 code, EU or unknown"),
    ("schema", "countries: [US, VN]", "countries: [US, Asia]", "'Asia' is not an ISO 3166-1 alpha-2 code"),
    ("schema", "countries: [US, VN]", "countries: [VN, VN]", "a country stands twice"),
    ("country", "name: Japan, countries: [JP]", "name: Japan, countries: [jp]", "'jp' is no alpha-2 code"),
    ("period", "from: 2020-01-01", "from: 2020-01-01, to: 2020-01-01", "`to` must be later than `from`"),
    ("period", '["*"], entity', '["*"], from: 2020-01-02, to: 2020-01-01, entity', "`to` must be later"),
    ("duplicate", '["*"], entity: comet-inc', "[JP], entity: comet-kk", "comet-kk stands twice for JP"),
    ("duplicate", "name: Europe", "name: japan", "location 'japan' stands twice"),
    ("duplicate", "comet-mail.example]", "comet.example]", "comet.example stands twice"),
    ("domain", "comet-mail.example]", '"https://comet.example/login"]', "is no domain"),
    ("domain", "comet-mail.example]", "Comet.example]", "is no domain"),
    ("account", '"210987654321"', '"21098765"', "is no AWS account of 12 digits"),
    ("uncited", VENDOR[VENDOR.index("aws_accounts_source") :], "", "needs `aws_accounts_source`"),
    ("uncited", 'aws_accounts: ["210987654321"]\n', "", "there are no aws_accounts"),
    ("uncited", "says: Tokyo and Osaka, ", "", "needs `says`"),
    ("uncited", 'url: "https://comet.example/offices", ', "", "needs `url`"),
    ("confidence", "says: from general knowledge", "says: somebody said so", "low confidence: `says` must hold"),
    ("confidence", "says: follows the sun", "says: from general knowledge", "general knowledge is low confidence"),
]


@pytest.mark.parametrize(("rule", "old", "new", "message"), CASES, ids=[f"{c[0]}-{c[3][:40]}" for c in CASES])
def test_each_rule_names_file_and_line(folder: Path, rule: str, old: str, new: str, message: str) -> None:
    assert old in VENDOR, old
    (folder / COMET).write_text(VENDOR.replace(old, new, 1), encoding="utf-8")
    found = [fault for fault in faults_of(folder) if fault.rule == rule and message in fault.message]
    assert found, [str(fault) for fault in faults_of(folder)]
    line = VENDOR[: VENDOR.index(old)].count("\n") + 1
    assert found[0].file == COMET
    assert abs(found[0].line - line) <= 5, (found[0].line, line)


def test_the_sound_file_has_no_fault_and_answers_everything(folder: Path) -> None:
    vendors = load_vendors(DataFolders(folder))
    comet = vendors["comet"]
    assert [item.entity for item in comet.parties("JP", TODAY)] == ["comet-kk"]
    assert [item.entity for item in comet.parties("FR", TODAY)] == ["comet-inc"]
    assert comet.place() is comet.storage.default
    assert comet.place("JAPAN") is comet.storage.offered[0]
    assert comet.place("Mars") is None
    assert staff_countries(comet) == ("US", "VN")
    assert vendors.of_account("210987654321") == "comet"
    assert vendors.of_account("000000000000") is None
    assert vendors.of_host("mail.comet.example") == ("comet",)
    assert vendors.of_host("Someone@COMET.example.") == ("comet",)
    assert vendors.of_host("notcomet.example") == ()
    assert vendors.file("comet") == COMET
    assert vendors.line("comet", ("contracting", 0)) == VENDOR[: VENDOR.index("- {customers: [JP]")].count("\n") + 1
    assert {"quasar-dc", "comet-kk"} <= set(vendors.entities)


def test_a_catalogue_made_by_hand_knows_where_its_files_would_be(folder: Path) -> None:
    comet = load_vendors(DataFolders(folder))["comet"]
    vendors = Vendors({"comet": comet})
    assert len(vendors) == 1
    assert vendors.file("comet") == COMET
    assert vendors.line("comet", ("id",)) == 0


def test_parties_follow_the_day(folder: Path) -> None:
    text = VENDOR.replace("customers: [JP], entity: comet-kk,", "customers: [JP], from: 2026-01-01, entity: comet-kk,")
    (folder / COMET).write_text(text, encoding="utf-8")
    comet = load_vendors(DataFolders(folder))["comet"]
    assert [item.entity for item in comet.parties("JP", dt.date(2025, 12, 31))] == ["comet-inc"]
    assert [item.entity for item in comet.parties("JP", dt.date(2026, 1, 1))] == ["comet-kk"]


def test_one_party_may_follow_itself_but_not_stand_twice_at_a_time(folder: Path) -> None:
    old = "old, confidence: high}}"
    first = (
        f'customers: [JP], to: 2026-01-01, entity: comet-kk, source: {{url: "https://comet.example/old", says: {old}'
    )
    text = VENDOR.replace("contracting:\n", f"contracting:\n  - {{{first}\n").replace(
        "customers: [JP], entity: comet-kk", "customers: [JP], from: 2026-01-01, entity: comet-kk"
    )
    (folder / COMET).write_text(text, encoding="utf-8")
    assert len(load_vendors(DataFolders(folder))["comet"].contracting) == 3


def test_entities_and_accounts_may_stand_in_one_file_only(folder: Path) -> None:
    other = VENDOR.replace("id: comet\n", "id: asteroid\n")
    (folder / "providers/saas/asteroid.yaml").write_text(other, encoding="utf-8")
    messages = [str(fault) for fault in faults_of(folder)]
    assert any("comet-kk stands in providers/saas/asteroid.yaml too" in text for text in messages)
    assert any("210987654321 stands in providers/saas/asteroid.yaml too [account]" in text for text in messages)


def test_a_file_that_cannot_be_read_or_misses_sections_hides_no_fault_of_others(folder: Path) -> None:
    (folder / "providers/saas/torn.yaml").write_text("id: [", encoding="utf-8")
    (folder / "providers/saas/bare.yaml").write_text("id: bare\nstorage: nowhere\n", encoding="utf-8")
    (folder / COMET).write_text(VENDOR.replace("seat: US", "seat: QQ"), encoding="utf-8")
    found = faults_of(folder)
    assert {fault.file.rsplit("/", 1)[1] for fault in found} == {"torn.yaml", "bare.yaml", "comet.yaml"}


def test_an_overlay_replaces_the_file_of_its_name(folder: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    (mine / "providers/saas").mkdir(parents=True)
    (mine / "providers/saas/comet.yaml").write_text(VENDOR.replace("[US, VN]", "[PH]"), encoding="utf-8")
    vendors = load_vendors(DataFolders(folder, mine))
    assert staff_countries(vendors["comet"]) == ("PH",)
    assert vendors.file("comet") == str(mine / "providers/saas/comet.yaml")


# the files as shipped


def test_there_are_files() -> None:
    assert len(FILES) >= 12


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_shipped_file_is_loaded_dated_and_reaches_an_owner(catalogue: Vendors, path: Path) -> None:
    vendor = catalogue[path.stem]
    assert isinstance(vendor, Vendor)
    assert vendor.reviewed < vendor.review_by <= vendor.reviewed + dt.timedelta(days=366)
    parties = vendor.parties("JP", TODAY)
    assert parties, "no contracting party for a customer in Japan"
    for party in parties:
        chain = {party.entity} | {step.parent for step in owners_of(catalogue.entities, party.entity, TODAY)}
        assert chain <= set(catalogue.entities)
        assert {catalogue.entities[key].seat for key in chain} <= {*load_countries(), UNKNOWN}


def test_sendgrid_and_twilio_are_one_company(catalogue: Vendors) -> None:
    for vendor in ("twilio", "sendgrid"):
        assert [item.entity for item in catalogue[vendor].parties("JP", TODAY)] == ["twilio-japan"]
    assert catalogue.entities["twilio-japan"].owners[0].entity == "twilio-inc"


def test_a_japanese_company_may_be_half_korean(catalogue: Vendors) -> None:
    owners = {step.parent for step in owners_of(catalogue.entities, "ly-corporation", TODAY)}
    assert {catalogue.entities[owner].seat for owner in owners} == {"JP", "KR"}
