"""Reference pages made from the code itself: ``python -m residency.cli.reference docs/reference``."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from residency.cli.app import build_app
from residency.cli.output import write_text

__all__ = ["commands_page", "pages", "tables_page"]


def commands_page() -> str:
    """Every command with its help and options."""
    command = typer.main.get_command(build_app())
    lines = ["# Commands", "", "Made from the code by `python -m residency.cli.reference docs/reference`.", ""]
    for name, item in _walk(command, "residency"):
        lines += [f"## {name}", "", *_paragraphs(item.help or "")]
        options = [parameter for parameter in item.params if parameter.name not in {"help", "version"}]
        for parameter in options:
            # the long name where there is one, the placeholder for an argument
            called = (
                ", ".join(parameter.opts) if parameter.param_type_name == "option" else (parameter.name or "").upper()
            )
            text = getattr(parameter, "help", "") or ""
            lines.append(f"- `{called}`: {text}" if text else f"- `{called}`")
        if options:
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for child, item in command.commands.items():
            yield from _walk(item, f"{name} {child}")
    else:
        yield name, command


def _paragraphs(text: str) -> Iterator[str]:
    for part in text.strip().split("\n\n"):
        sentence = " ".join(part.split())
        yield f"`{sentence.removeprefix('Example: ')}`" if sentence.startswith("Example: ") else sentence
        yield ""


def tables_page() -> str:
    """Every table of the inventory with its columns."""
    from residency.inventory.tables import TABLES

    lines = ["# Inventory tables", "", "Made from the code by `python -m residency.cli.reference docs/reference`.", ""]
    for name, row in TABLES.items():
        about = " ".join((row.__doc__ or "").split()).replace("``", "`")
        lines += [f"## {name}", "", about, ""]
        lines += [f"- `{item.name}`: {str(item.type).replace('dt.', '')}" for item in dataclasses.fields(row)]
        lines.append("")
    lines += ["## placed", "", "For SQL: `placements` with one row for each country, in `country`.", ""]
    return "\n".join(lines).rstrip() + "\n"


def pages() -> dict[str, str]:
    """File name to text."""
    return {"commands.md": commands_page(), "tables.md": tables_page()}


if __name__ == "__main__":
    for file, text in pages().items():
        write_text(Path(sys.argv[1]) / file, text)
