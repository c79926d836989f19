"""An AWS Config aggregator: one query over every account it covers, also those that could not be entered.

What Config says is second-hand: a store that its own service described is taken from there, and one that only Config
lists is kept, with gaps for all that Config does not say (`second_hand`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path

from residency.collect.grants import Scope
from residency.collect.imports.config import selected_items
from residency.collect.imports.gather import Gathered
from residency.collect.imports.spec import ForeignType, Source
from residency.collect.imports.tables import LABELS, Tables
from residency.collect.spec import Kind
from residency.inventory.tables import Rows
from residency.providers import Providers

__all__ = ["expression_for", "read_results"]

_SELECTED = (
    "resourceId, resourceName, resourceType, arn, accountId, awsRegion, availabilityZone, configuration,"
    " supplementaryConfiguration, tags, configurationItemCaptureTime"
)


def expression_for(types: Iterable[str]) -> str:
    """The advanced query for these resource types."""
    named = ", ".join(f"'{name}'" for name in sorted(types))
    return f"SELECT {_SELECTED} WHERE resourceType IN ({named})"


def read_results(
    results: Iterable[str],
    kinds: Mapping[str, Kind],
    types: Mapping[tuple[Source, str], ForeignType],
    providers: Providers,
    scope: Scope,
    seen_at: dt.datetime,
) -> Rows:
    """Rows of an advanced query's results, each a JSON text; one that cannot be read is a gap."""
    gathered = Gathered(LABELS["config"], "aws", seen_at)
    tables = Tables("config", kinds, types, providers, gathered, scope=scope)
    tables.take(Path("aggregator"), selected_items(results))
    tables.finish()
    return gathered.rows
