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

__all__ = ["commands_page", "jurisdictions_page", "pages", "tables_page"]


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


def jurisdictions_page() -> str:
    """Every law file with how much of it is known, how surely, and how old it is."""
    from residency.data import data_folders
    from residency.jurisdictions import load_jurisdictions
    from residency.method.facts import load_fact_words

    catalogue = load_jurisdictions(data_folders(), load_fact_words())
    lines = [
        "# Jurisdictions",
        "",
        "Made from the files by `python -m residency.cli.reference docs/reference`.",
        "",
        "- known: fact keys of which anything is known on the day of review, of all; the rest says what was searched",
        "- h / m / l: entries of any period with confidence high, medium, low ([what these mean](law-attributes.md))",
        "- may affect: proposed answer to 有無 ([the rule](../explanation/disclosure-criterion.md)), and how surely",
        "- survey: page of Japan's Personal Information Protection Commission on the country; `listed`: surveyed as",
        "  far as known, the page was not found",
        "",
        "| file | name | 名称 | part of | known | h / m / l | reviewed | review by | may affect | survey |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    surveyed = catalogue.commitments["jp_ppc_surveyed"].entries
    for code, item in catalogue.items():
        known = sum(any(entry.known for entry in item.at(key, item.reviewed)) for key in item.facts)
        entries = [entry.confidence for found in item.facts.values() for entry in found if entry.known]
        counts = " / ".join(str(entries.count(word)) for word in ("high", "medium", "low"))
        answer = item.disclosure.value + (f", {item.disclosure.confidence}" if item.disclosure.confidence else "")
        surveys = sorted({law.ppc_survey for law in item.instruments.values() if law.ppc_survey})
        links = " ".join(f"[{number}]({url})" for number, url in enumerate(surveys, 1)) or (
            "listed" if code in surveyed else ""
        )
        cells = [
            f"[{code}](../../jurisdictions/{code}.yaml)",
            item.name.en,
            item.name.ja,
            item.parent or "",
            f"{known} / {len(item.facts)}",
            counts,
            str(item.reviewed),
            str(item.review_by),
            answer,
            links,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """File name to text."""
    return {"commands.md": commands_page(), "jurisdictions.md": jurisdictions_page(), "tables.md": tables_page()}


if __name__ == "__main__":
    for file, text in pages().items():
        write_text(Path(sys.argv[1]) / file, text)
