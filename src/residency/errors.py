"""Every error a user can meet, in one tree.

::

    ResidencyError
    ├── InputError            wrong input: exit code 2
    │   ├── FaultsError       one or more faults in data files, each with file and line
    │   ├── ConfigError       residency.yaml or an option is wrong
    │   ├── RegisterError     the contractor register has bad cells
    │   └── PolicyFileError   a policy file lacks its markers, or has them twice
    ├── CredentialsError      no usable credentials for a cloud: exit code 2
    ├── SnapshotError         a snapshot is missing, damaged or would be overwritten: exit code 2
    ├── StorageError          a disk or remote folder refused a write: exit code 2
    └── IncompleteError       completeness was demanded and gaps stand: exit code 3

A message names the file, field or account and the next step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "ConfigError",
    "CredentialsError",
    "Fault",
    "FaultsError",
    "IncompleteError",
    "InputError",
    "PolicyFileError",
    "RegisterError",
    "ResidencyError",
    "SnapshotError",
    "StorageError",
]


class ResidencyError(Exception):
    """Root of the tree; ``exit_code`` is what the command line returns."""

    exit_code = 2


class InputError(ResidencyError):
    """The user's input is wrong."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault in one file.

    Parameters
    ----------
    file
        Path as the user gave it, or relative to the data folder.
    line
        1-based line, 0 when the whole file is at fault.
    message
        What is wrong and what would be right.
    rule
        Short stable name of the rule that was broken.
    """

    file: str
    line: int
    message: str
    rule: str = "schema"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message} [{self.rule}]"


class FaultsError(InputError):
    """One or more faults in data files; all of them, sorted by file and line."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(sorted(set(faults)))
        super().__init__("\n".join(str(fault) for fault in self.faults))


class ConfigError(InputError):
    """residency.yaml or a command-line option is wrong."""


class RegisterError(FaultsError):
    """The contractor register has bad cells; all of them at once."""


class PolicyFileError(InputError):
    """A policy file lacks its markers, or has them twice."""


class CredentialsError(ResidencyError):
    """No usable credentials for a cloud."""


class SnapshotError(ResidencyError):
    """A snapshot is missing, damaged, of another schema, or would be overwritten."""


class StorageError(ResidencyError):
    """A disk or remote folder refused a write."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(f"{path}: could not write ({reason}); free space or choose another folder, then run again")


class IncompleteError(ResidencyError):
    """Completeness was demanded and gaps stand."""

    exit_code = 3
