"""Notices about providers and vendors, each in the smallest change that shows it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from vendor_world import VENDOR, vendor_folder

from residency.data import DataFolders
from residency.errors import FaultsError
from residency.providerlint import load_both, notices

COMET = "providers/saas/comet.yaml"
QUASAR = "providers/quasar/provider.yaml"
REGIONS = "providers/quasar/regions.yaml"
TODAY = dt.date(2026, 11, 25)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return vendor_folder(tmp_path)


def found(folder: Path, day: dt.date = TODAY) -> set[tuple[str, str, str]]:
    folders = DataFolders(folder)
    return {(item.file, item.subject, item.message) for item in notices(*load_both(folders), folders, day)}


def edit(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text, old
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")


def test_what_is_past_its_review_is_named_on_that_day(folder: Path) -> None:
    assert not any(subject == "review" for file, subject, _ in found(folder, dt.date(2027, 4, 30)) if file == COMET)
    late = found(folder, dt.date(2030, 1, 1))
    assert (COMET, "review", "was due for review by 2027-05-01") in late
    assert {file for file, subject, _ in late if subject == "review"} == {COMET, QUASAR, REGIONS}


def test_a_chain_that_ends_without_a_word_is_named(folder: Path) -> None:
    open_end = (COMET, "comet-fund", "has no owner, no `top` and no note that says why its chain ends here")
    assert open_end not in found(folder)
    edit(folder, COMET, "    note: private fund\n", "")
    assert open_end in found(folder)


def test_an_owner_of_another_time_does_not_end_a_chain(folder: Path) -> None:
    edit(folder, COMET, "from: 2020-01-01", "from: 2027-01-01")
    assert (COMET, "comet-inc", "has no owner, no `top` and no note that says why its chain ends here") in found(folder)


def test_a_missing_party_for_customers_in_japan_is_named(folder: Path) -> None:
    edit(folder, COMET, 'customers: ["*"]', "customers: [FR]")
    assert (COMET, "contracting", "no party for customers in JP") not in found(folder)
    edit(folder, COMET, "customers: [JP]", "customers: [KR]")
    assert (COMET, "contracting", "no party for customers in JP") in found(folder)


def test_a_provider_without_a_party_is_named(folder: Path) -> None:
    assert (QUASAR, "contracting", "no party for customers in JP") not in found(folder)
    text = (folder / QUASAR).read_text(encoding="utf-8")
    start, end = text.index("contracting:"), text.index("staff_access:")
    (folder / QUASAR).write_text(text[:start] + text[end:], encoding="utf-8")
    assert (QUASAR, "contracting", "no party for customers in JP") in found(folder)


def test_faults_of_both_catalogues_come_together(folder: Path) -> None:
    edit(folder, QUASAR, "seat: QZ", "seat: nowhere")
    (folder / COMET).write_text(VENDOR.replace("seat: US", "seat: QQ"), encoding="utf-8")
    with pytest.raises(FaultsError) as caught:
        load_both(DataFolders(folder))
    assert {fault.file for fault in caught.value.faults} == {QUASAR, COMET}


def test_a_file_that_is_read_instead_of_ours_is_named(folder: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    (mine / "providers/saas").mkdir(parents=True)
    (mine / "providers/saas/comet.yaml").write_text(VENDOR, encoding="utf-8")
    folders = DataFolders(folder, mine)
    told = {(item.file, item.message) for item in notices(*load_both(folders), folders, TODAY)}
    assert (str(mine / "providers/saas/comet.yaml"), f"is read instead of {COMET}") in told
