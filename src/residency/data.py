"""Where the data folders are: ``--data DIR`` overlays, then the checkout's root, then the packaged copy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from residency.errors import ConfigError

__all__ = ["DataFolders", "data_folders"]

_PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class DataFolders:
    """The base folder, which holds ``jurisdictions/`` and ``providers/``, and the user's overlay, if any."""

    base: Path
    overlay: Path | None = None

    def files(self, pattern: str) -> list[tuple[str, Path]]:
        """(label, path) of every file that matches, base first, overlay after, each sorted."""
        found = [(path.relative_to(self.base).as_posix(), path) for path in sorted(self.base.glob(pattern))]
        if self.overlay is not None:
            found += [(str(path), path) for path in sorted(self.overlay.glob(pattern))]
        return found


def data_folders(overlay: Path | None = None) -> DataFolders:
    """Find the data folders.

    Parameters
    ----------
    overlay
        The user's ``--data`` folder: its files add to or correct the base, entry by entry.

    Raises
    ------
    ConfigError
        When the overlay is not a folder, or the installation lacks its data.
    """
    if overlay is not None and not overlay.is_dir():
        raise ConfigError(f"--data {overlay}: is not a folder")
    checkout = _PACKAGE.parent.parent
    packaged = _PACKAGE / "_data"
    for base in (checkout, packaged):
        if (base / "jurisdictions").is_dir() and (base / "providers").is_dir():
            return DataFolders(base, overlay)
    raise ConfigError("the installation lacks its jurisdictions/ and providers/ folders; install residency again")
