"""``residency init``: a configuration and a register to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from residency.cli.output import line, write_text
from residency.errors import ConfigError


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write; made when missing.")] = Path(),
) -> None:
    """Write residency.yaml and contractors.csv to start from; existing files stay.

    Example: residency init my-organisation
    """
    from residency.collect.contractors import template_csv

    files = {
        folder / "residency.yaml": Path(__file__).with_name("template.yaml").read_text(encoding="utf-8"),
        folder / "contractors.csv": template_csv(),
    }
    for file in files:
        if file.exists():
            raise ConfigError(f"{file}: exists already and is left as it is; choose another folder")
    for file, text in files.items():
        write_text(file, text)
        line(f"{file}: written")
    line("next: edit both, then run `residency sweep --dry-run`")
