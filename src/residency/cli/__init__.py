"""The command line: one module for each command; heavy imports happen inside the command that needs them."""

from __future__ import annotations

import gc
import sys

from residency.cli.app import build_app
from residency.errors import FaultsError, ResidencyError

__all__ = ["main"]

_COLLECT_AFTER = (50_000, 20, 100)
"""New objects before Python looks for cycles. Its own default walks the catalogues and the models of the SDKs again
and again, a seventh of a sweep's time; rows hold no cycles."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; user faults are one line each on standard error, never a traceback."""
    gc.set_threshold(*_COLLECT_AFTER)
    try:
        build_app()(args=arguments, standalone_mode=True)
    except FaultsError as error:
        for fault in error.faults:
            sys.stderr.write(f"{fault}\n")
        count = len(error.faults)
        sys.stderr.write(f"{count} fault{'s' if count != 1 else ''}; correct and run again\n")
        sys.exit(error.exit_code)
    except ResidencyError as error:
        sys.stderr.write(f"residency: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("residency: interrupted\n")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
