"""``residency check``: does the published policy still say what is so?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from residency.cli.options import AsOf, ConfigFile, DataFolder, FormatOption, SnapshotFolder, load_inputs
from residency.cli.output import Format, emit, line
from residency.errors import ConfigError, IncompleteError, PolicyFileError


def check(
    policy_file: Annotated[Path, typer.Argument(help="The published policy.")],
    config: ConfigFile = Path("residency.yaml"),
    snapshot: SnapshotFolder = None,
    as_of: AsOf = None,
    data: DataFolder = None,
    no_markers: Annotated[
        bool, typer.Option("--no-markers", help="The file has no markers: look for country names anywhere in it.")
    ] = False,
    language: Annotated[str, typer.Option(help="Language of a file without markers: ja or en.")] = "ja",
    require_complete: Annotated[
        bool, typer.Option("--require-complete", help="Exit 3 when part of the systems was not seen.")
    ] = False,
    form: FormatOption = Format.table,
) -> None:
    """Compare a published policy with the inventory; exit 1 when they disagree.

    Example: residency check policy.md
    """
    from residency.disclosure.drift import drift, drift_of_text
    from residency.disclosure.markers import find_blocks
    from residency.disclosure.render import LANGUAGES, render_blocks
    from residency.disclosure.tables import policy
    from residency.escape import terminal

    if not policy_file.is_file():
        raise ConfigError(f"{policy_file}: no such file")
    if language not in LANGUAGES:
        raise ConfigError(f"--language {language}: choose ja or en")
    content = policy_file.read_bytes()
    found = [] if no_markers else find_blocks(content, str(policy_file))
    inputs, _, _ = load_inputs(config, data, snapshot, as_of)
    tables = policy(inputs)
    if no_markers:
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            raise PolicyFileError(f"{policy_file}: is not UTF-8; save it as UTF-8") from None
        differences = drift_of_text(text, tables, inputs, "ja" if language == "ja" else "en")
    else:
        expected: dict[tuple[str, str], str] = {
            (axis, name): text for name in LANGUAGES for axis, text in render_blocks(tables, inputs, name).items()
        }
        differences = drift(found, tables, inputs, expected)
    if form is not Format.table:
        rows = [
            {
                "kind": d.kind,
                "axis": d.axis,
                "language": d.language,
                "country": d.code,
                "message": d.message,
                "because": list(d.because),
            }
            for d in differences
        ]
        emit(rows, ["kind", "axis", "language", "country", "message", "because"], form)
    else:
        for item in differences:
            text = terminal(item.message) if item.kind != "wording" else "the text differs:"
            line(f"{item.kind} [{item.axis}] {text}")
            if item.kind == "wording":
                for row in item.message.splitlines()[1:]:
                    line(f"    {terminal(row)}")
            for reason in item.because:
                line(f"    because {terminal(reason)}")
        if differences:
            line(
                f"{policy_file}: {len(differences)} differences between the published policy "
                f"and the inventory of {inputs.as_of}"
            )
        else:
            line(f"{policy_file}: agrees with the inventory of {inputs.as_of}")
        if tables.gaps:
            line(f"{len(tables.gaps)} gaps stand: what was not seen is not compared")
    if differences:
        raise typer.Exit(1)
    if tables.gaps and require_complete:
        raise IncompleteError(f"{len(tables.gaps)} gaps stand:\n" + "\n".join(f"  {gap}" for gap in tables.gaps))
