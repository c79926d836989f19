"""Worlds for the policy's axes."""

from __future__ import annotations

import dataclasses
from typing import Any

from worlds import HERE, SEEN, contractor, holdings, inputs, rows, store

from residency.data import data_folders
from residency.disclosure.tables import Policy, policy
from residency.graph import Inputs
from residency.inventory.tables import Unit
from residency.providers import Providers, load_providers

CHAT = {"chat_communication__content": "yes"}
HOME = contractor("helper", seat="JP", staff_countries=("JP",))
"""A contractor at home: its register row makes the inventory complete and adds no country."""


def unit(status: Any = "seen", provider: str = "quasar", region: str = "eu-berlin-1") -> Unit:
    kind = "quasar.disk.volume"
    return Unit(
        provider=provider, account="1", region=region, kind=kind, status=status, started_at=SEEN, finished_at=SEEN
    )


def at_home(*extra: Any, held: Any = None, **changes: Any) -> Inputs:
    """A complete inventory with one store in Japan, run by a Japanese operator, and what is added."""
    from worlds import placement

    inventory = rows(unit(), HOME, store("box", provider="nippon"), *extra)
    inventory.add(dataclasses.replace(placement("box", "tokyo", provider="nippon"), provider="nippon"))
    names = {row.store_id for row in inventory["stores"]}
    held = holdings(sorted(names), **CHAT) if held is None else held
    return inputs(inventory, held, **{"providers": both_providers(), **changes})


def both_providers() -> Providers:
    """The made-up foreign provider and the made-up Japanese one."""
    japanese = load_providers(data_folders(HERE / "scenarios" / "overlay"), only=["nippon"])
    from worlds import made_up_providers

    foreign = made_up_providers()
    regions = (*foreign.regions, *(region for region in japanese.regions if region.provider == "nippon"))
    return Providers({**foreign, "nippon": japanese["nippon"]}, regions, {("quasar", "europe"): "eu"})


def codes(found: Policy, axis: Any) -> set[str]:
    return {row.code for row in found.block(axis).rows}


def policy_of(*extra: Any, **changes: Any) -> Policy:
    return policy(at_home(*extra, **changes))
