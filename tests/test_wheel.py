"""The wheel holds everything: installed elsewhere, without the checkout, it finds its data."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the unpacked wheel, built from a copy of the tree so that nothing is left behind."""
    hatchling = pytest.importorskip("hatchling.build", reason="hatchling is needed to build the wheel")
    base = tmp_path_factory.mktemp("wheel")
    tree = base / "tree"
    wanted = ["src", "jurisdictions", "providers", "LICENSES"]
    for name in wanted:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tree / name)
    before = Path.cwd()
    os.chdir(tree)
    try:
        wheel = hatchling.build_wheel(str(base))
    finally:
        os.chdir(before)
    site = base / "site"
    with zipfile.ZipFile(base / wheel) as archive:
        archive.extractall(site)
    return site


def _run(site: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.path.insert(0, {str(site)!r}); from residency.cli import main; main(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=folder, check=False
    )


def test_an_installed_wheel_finds_law_and_regions(installed: Path, tmp_path: Path) -> None:
    laws = _run(installed, "law", "list", "--format", "json", folder=tmp_path)
    assert laws.returncode == 0, laws.stderr
    assert len(json.loads(laws.stdout)) >= 16
    regions = _run(installed, "providers", "regions", "azure", "--format", "json", folder=tmp_path)
    assert len(json.loads(regions.stdout)) >= 60
    kinds = _run(installed, "providers", "kinds", "--format", "json", folder=tmp_path)
    assert kinds.returncode == 0, kinds.stderr


def test_a_users_folder_overlays_the_packaged_data(installed: Path, tmp_path: Path) -> None:
    overlay = ROOT / "tests/data/law"
    laws = _run(installed, "law", "list", "--data", str(overlay), "--format", "json", folder=tmp_path)
    assert laws.returncode == 0, laws.stderr
    assert {"QZ", "JP"} <= {row["country"] for row in json.loads(laws.stdout)}


def test_the_wheel_holds_data_licences_and_type_marker(installed: Path) -> None:
    for name in (
        "residency/py.typed",
        "residency/countries.yaml",
        "residency/method/grades.yaml",
        "residency/geodata/dbip-country.npz",
        "residency/disclosure/forms/words.yaml",
        "residency/cli/template.yaml",
        "residency/_data/jurisdictions/_commitments.yaml",
        "residency/_data/providers/aws/kinds.yaml",
    ):
        assert (installed / name).is_file(), name
    licences = {path.name for path in installed.glob("*.dist-info/licenses/**/*") if path.is_file()}
    assert {"LICENSE", "NOTICE", "CC-BY-4.0.txt"} <= licences
