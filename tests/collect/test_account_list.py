"""The public list of AWS accounts, in every form its entries take and refused in every other."""

from __future__ import annotations

from pathlib import Path

import pytest
from vendor_world import vendor_folder

from residency.collect.account_list import read_account_list
from residency.data import DataFolders
from residency.errors import FaultsError
from residency.known_accounts import FILE_NAME, KnownAccount, known_text, load_known
from residency.vendors import Vendors, load_vendors

LIST = """\
# Format: name, source, accounts
- name: 'Comet Desk'
  source: ['https://comet.example/aws', 'https://other.example']
  accounts: ['100000000001', '100000000002']
- name: 'Meteor logs'
  type: 'aws'
  source: 'https://docs.example/logs'
  accounts: ['100000000003',  '100000000004']
- name: Nameless source
  accounts:
    - '000000000005'
- name: 'Quoted badly'
  accounts: [17663287629, 100000000001]
- name: 'Somebody else'
  accounts: ['210987654321']
"""


@pytest.fixture
def vendors(tmp_path: Path) -> Vendors:
    return load_vendors(DataFolders(vendor_folder(tmp_path)))


def write(folder: Path, text: str) -> Path:
    file = folder / "accounts.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_every_form_of_an_entry_is_read(tmp_path: Path, vendors: Vendors) -> None:
    known, digest = read_account_list(write(tmp_path, LIST), vendors)
    assert len(digest) == 64
    assert known["100000000002"] == KnownAccount(
        name="Comet Desk", vendor="comet", sources=["https://comet.example/aws", "https://other.example"]
    )
    assert known["100000000003"].kind == "aws"
    assert known["100000000003"].sources == ["https://docs.example/logs"]
    assert known["000000000005"] == KnownAccount(name="Nameless source")
    assert known["017663287629"].name == "Quoted badly"
    # in two entries: both names, and no vendor where they disagree
    assert known["100000000001"].name == "Comet Desk / Quoted badly"
    assert known["100000000001"].vendor is None
    # what the vendor publishes goes before what the list calls it
    assert (known["210987654321"].name, known["210987654321"].vendor) == ("Somebody else", "comet")


def test_the_same_entry_twice_is_one(tmp_path: Path, vendors: Vendors) -> None:
    twice = "- {name: Comet Desk, accounts: ['100000000001', '100000000001']}\n"
    known, _ = read_account_list(write(tmp_path, twice), vendors)
    assert known == {"100000000001": KnownAccount(name="Comet Desk", vendor="comet")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: A\n", ":1: needs a list of entries"),
        ("- [", "not YAML"),
        ("- A\n", ":1: an entry is a mapping"),
        ("- {accounts: ['100000000001']}\n", ":1: needs a `name`"),
        ("- {name: A}\n", ":1: needs a list of `accounts`"),
        ("- {name: A, accounts: []}\n", ":1: needs a list of `accounts`"),
        ("- {name: A, accounts: ['1']}\n", ":1: '1' is no AWS account of 12 digits"),
        ("- {name: A, accounts: [true]}\n", "True is no AWS account"),
        ("- {name: A, accounts: [1000000000012]}\n", "1000000000012 is no AWS account"),
        ("- name: A\n  stars: 5\n  accounts: ['100000000001']\n", ":2: unknown key 'stars'"),
        ("- {name: A, source: {a: b}, accounts: ['100000000001']}\n", "`source` is a text or a list of texts"),
        ("- {name: A, type: gcp, accounts: ['100000000001']}\n", "`type` is aws or left out, not 'gcp'"),
    ],
)
def test_another_form_is_refused_with_its_line(tmp_path: Path, vendors: Vendors, text: str, message: str) -> None:
    with pytest.raises(FaultsError) as caught:
        read_account_list(write(tmp_path, text), vendors)
    assert message in str(caught.value)


def test_all_faults_come_at_once(tmp_path: Path, vendors: Vendors) -> None:
    with pytest.raises(FaultsError) as caught:
        read_account_list(write(tmp_path, "- {name: A}\n- {accounts: ['1']}\n"), vendors)
    assert len(caught.value.faults) == 3


def test_a_missing_file_is_said(tmp_path: Path, vendors: Vendors) -> None:
    with pytest.raises(FaultsError, match="cannot be read"):
        read_account_list(tmp_path / "missing.yaml", vendors)


def test_what_is_written_is_read_back_and_is_the_same_again(tmp_path: Path, vendors: Vendors) -> None:
    known, digest = read_account_list(write(tmp_path, LIST), vendors)
    file = tmp_path / FILE_NAME
    file.write_text(known_text(known, "accounts.yaml", digest), encoding="utf-8")
    assert load_known(file) == known
    assert known_text(load_known(file), "accounts.yaml", digest) == file.read_text(encoding="utf-8")


def test_there_may_be_no_file(tmp_path: Path) -> None:
    assert load_known(tmp_path / FILE_NAME) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("accounts: {}\n", "required key is missing"),
        ("list: l\nsha256: s\naccounts:\n  1: {name: A}\n", ":4: '1' is no AWS account of 12 digits; quote it"),
        ("list: l\nsha256: s\naccounts:\n  '100000000001': {name: A, stars: 5}\n", "stars: unknown key"),
        ("list: l\nsha256: s\naccounts:\n  '100000000001': {name: A, kind: gcp}\n", "kind"),
    ],
)
def test_a_file_edited_badly_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / FILE_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(FaultsError) as caught:
        load_known(tmp_path / FILE_NAME)
    assert message in str(caught.value)
