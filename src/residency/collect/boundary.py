"""The one boundary: whatever an SDK, a wire or an answer does wrong is caught here and becomes a gap with its cause."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["Caught", "boundary"]


@dataclass(slots=True)
class Caught:
    """What was raised inside the boundary, if anything."""

    error: Exception | None = None


@contextmanager
def boundary() -> Iterator[Caught]:
    """Catch every error but those that end the program; the caller must look at ``error`` and record it.

    Our own errors pass: they are for the user to act on, such as missing credentials.
    """
    from residency.errors import ResidencyError

    caught = Caught()
    try:
        yield caught
    except ResidencyError:
        raise
    except Exception as error:  # noqa: BLE001 - this is the boundary
        caught.error = error
