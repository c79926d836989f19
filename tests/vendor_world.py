"""A made-up vendor that shows every part of a vendor's file, and a folder to break it in."""

from __future__ import annotations

import shutil
from pathlib import Path

DATA = Path(__file__).resolve().parent / "data"
VENDOR = (DATA / "vendors/comet.yaml").read_text(encoding="utf-8")


def vendor_folder(base: Path) -> Path:
    """A data folder with the made-up law and provider, and this vendor."""
    folder = base / "data"
    shutil.copytree(DATA / "law", folder)
    (folder / "providers/saas").mkdir()
    (folder / "providers/saas/comet.yaml").write_text(VENDOR, encoding="utf-8")
    return folder
