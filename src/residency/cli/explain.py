"""``residency explain``: why a jurisdiction can reach data, down to the article and the API answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from residency.cli.options import AsOf, ConfigFile, DataFolder, FormatOption, SnapshotFolder, load_inputs
from residency.cli.output import Format, line, to_json
from residency.errors import InputError


def explain(
    country: Annotated[str, typer.Argument(help="Jurisdiction code, such as US or CN.")],
    config: ConfigFile = Path("residency.yaml"),
    snapshot: SnapshotFolder = None,
    as_of: AsOf = None,
    data: DataFolder = None,
    dataset: Annotated[str | None, typer.Option(help="Only this dataset, service/class.")] = None,
    depth: Annotated[
        int | None, typer.Option(min=1, help="How many levels of the tree to print; all when left out.")
    ] = None,
    gaps: Annotated[bool, typer.Option("--gaps", help="Explain the upper bound with what was not seen.")] = False,
    form: FormatOption = Format.table,
) -> None:
    """Print the witness path and the computation of the highest score of a jurisdiction.

    Example: residency explain CN --dataset chat/communication.content
    """
    from residency.escape import terminal
    from residency.scoring import score
    from residency.trace import render, to_dict

    inputs, settings, _ = load_inputs(config, data, snapshot, as_of)
    code = country.upper()
    known = {item.id for item in settings.datasets()}
    if dataset is not None and dataset not in known:
        raise InputError(f"explain: no dataset {dataset!r}; there are {', '.join(sorted(known))}")
    scores = score(inputs)
    if code in scores.world.home:
        raise InputError(f"explain: {code} is the home jurisdiction; exposure is to foreign law only")
    cells = scores.top(code, dataset)
    if not cells:
        line(f"{code}: no path was found, and no gap could hide one")
        return
    cell = max(cells, key=lambda item: item.value.hi) if gaps else cells[0]
    trace = cell.trace if gaps or cell.seen_trace is None else cell.seen_trace
    if form is not Format.table:
        line(
            to_json(
                {"dataset": cell.dataset, "jurisdiction": code, "channel": cell.channel, "trace": to_dict(trace)}
            ).rstrip()
        )
        return
    line(
        f"{inputs.jurisdictions.name(code)} ({code}): {terminal(cell.dataset)} by {cell.channel}, "
        f"tie {cell.tie}, as of {inputs.as_of}"
    )
    line(
        f"score {cell.seen.lo:.1f} to {cell.seen.hi:.1f} from what was seen; "
        f"up to {cell.value.hi:.1f} with what was not"
    )
    line()
    for level, text in render(trace, depth):
        line("  " * level + terminal(text))
    others = [item for item in cells if item is not cell]
    if others:
        line()
        line("other cells of this jurisdiction:")
        for item in others[:10]:
            numbers = f"{item.seen.lo:5.1f} {item.seen.hi:5.1f} {item.value.hi:5.1f}"
            line(f"  {numbers}  {terminal(item.dataset)} by {item.channel}")
