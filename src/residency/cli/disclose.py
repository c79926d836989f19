"""``residency disclose``: the country section of the published policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from residency.cli.options import AsOf, ConfigFile, DataFolder, SnapshotFolder, load_inputs
from residency.cli.output import line, write_text
from residency.errors import ConfigError, IncompleteError, PolicyFileError


def disclose(
    policy_file: Annotated[
        Path | None, typer.Argument(help="The operator's own policy file, filled between its markers.")
    ] = None,
    config: ConfigFile = Path("residency.yaml"),
    snapshot: SnapshotFolder = None,
    as_of: AsOf = None,
    data: DataFolder = None,
    out: Annotated[Path | None, typer.Option(help="Folder for policy.ja.md, policy.en.md and policy.json.")] = None,
    require_complete: Annotated[
        bool, typer.Option("--require-complete", help="Exit 3 when part of the systems was not seen.")
    ] = False,
) -> None:
    """Fill the markers of a policy file, or write the whole section as Markdown and JSON.

    Without either, the Japanese text is printed. Absence is never stated while gaps stand.

    Example: residency disclose policy.md
    """
    from residency.disclosure.markers import inject, write_atomically
    from residency.disclosure.render import LANGUAGES, render_blocks, render_json, render_policy
    from residency.disclosure.tables import policy

    if policy_file is not None and not policy_file.is_file():
        raise ConfigError(f"{policy_file}: no such file; `residency disclose --out DIR` writes a new one")
    inputs, _, _ = load_inputs(config, data, snapshot, as_of)
    tables = policy(inputs)
    if policy_file is not None:
        blocks: dict[tuple[str, str], str] = {
            (axis, name): text for name in LANGUAGES for axis, text in render_blocks(tables, inputs, name).items()
        }
        try:
            before = policy_file.read_bytes()
        except OSError as error:
            raise PolicyFileError(f"{policy_file}: cannot be read: {error.strerror}") from error
        after = inject(before, blocks, str(policy_file))
        if after != before:
            write_atomically(policy_file, after)
        line(f"{policy_file}: {'filled' if after != before else 'is already up to date'}")
    elif out is not None:
        for name in LANGUAGES:
            write_text(out / f"policy.{name}.md", render_policy(tables, inputs, name))
        write_text(out / "policy.json", render_json(tables))
        line(f"{out}: policy.ja.md, policy.en.md, policy.json")
    else:
        line(render_policy(tables, inputs, "ja").rstrip())
    if tables.gaps and require_complete:
        shown = "\n".join(f"  {gap}" for gap in tables.gaps)
        raise IncompleteError(f"{len(tables.gaps)} gaps stand, so absence cannot be stated:\n{shown}")
