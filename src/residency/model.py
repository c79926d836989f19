"""Domain words every layer shares. One word per idea; ``docs/reference/words.md`` explains each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

__all__ = [
    "ACCESS_MODES",
    "CAUSES",
    "CHANNELS",
    "CUSTODIES",
    "NO_PARENT",
    "ROLES",
    "UNIT_STATUSES",
    "AccessMode",
    "Cause",
    "Channel",
    "Custody",
    "Content",
    "External",
    "InUse",
    "KindWords",
    "PrincipalKind",
    "Role",
    "UnitStatus",
    "Verdict",
]

Role = Literal["primary", "replica", "failover", "backup", "log", "cache", "metadata", "processing"]
"""What a placement is for."""

Custody = Literal["provider-managed", "customer-managed", "external", "none", "unknown"]
"""Who can produce plaintext: the provider alone, the customer's key in the provider's service, a key manager outside
the provider, anyone (not encrypted), or not known."""

Channel = Literal["storage", "operation", "control", "access"]
"""How a jurisdiction reaches data."""

UnitStatus = Literal["seen", "empty", "denied", "closed", "throttled", "unsupported", "disabled", "skipped", "failed"]
"""How one (account, region, kind) of a sweep ended. ``closed``: shut by an organisation policy; ``disabled``: the
service or region is not switched on, so nothing can be there; ``unsupported``: the region does not offer it."""

Cause = Literal["denied", "throttled", "unsupported", "skipped", "failed", "malformed", "unresolved"]
"""Why something is a gap. ``unresolved``: it points at something that was not in the sweep."""

PrincipalKind = Literal["account", "user", "service", "group", "domain", "tenant", "public", "unknown"]
"""What sort of identity a grant names."""

External = Literal["yes", "no", "unknown"]
"""Whether an identity lies outside the organisation."""

AccessMode = Literal["own-systems", "remote-plaintext", "remote-masked", "encrypted-only", "on-site", "none", "unknown"]
"""How a contractor handles what is entrusted: keeps it in its own systems, sees plaintext in ours, sees masked data,
sees ciphertext only, works on our premises, handles none, or not known."""

Content = Literal["data", "control", "flow"]
"""Whether stores of a kind hold user content, only keys, secrets or settings, or move data without keeping it."""

InUse = Literal["plaintext", "ciphertext", "unknown"]
"""Whether the service itself handles plaintext while it serves."""

Verdict = Literal["country", "indeterminate", "private", "not-an-address", "unknown"]
"""What an address lookup can say: a country; no country on principle (anycast, unpublished cloud space, the cloud's
own service); not routed; not an address at all; not in the data."""

ROLES: tuple[Role, ...] = get_args(Role)
CUSTODIES: tuple[Custody, ...] = get_args(Custody)
CHANNELS: tuple[Channel, ...] = get_args(Channel)
UNIT_STATUSES: tuple[UnitStatus, ...] = get_args(UnitStatus)
CAUSES: tuple[Cause, ...] = get_args(Cause)
ACCESS_MODES: tuple[AccessMode, ...] = get_args(AccessMode)

NO_PARENT = "none"
"""In the place of an owner: the contractor register says that there is no parent company."""

COMPLETE_STATUSES: frozenset[str] = frozenset({"seen", "empty", "disabled", "closed", "unsupported"})
"""Statuses after which nothing can be hidden in a unit; every other one is a gap."""


@dataclass(frozen=True, slots=True)
class KindWords:
    """What scoring needs to know of a store kind: the rest of a kind matters to collection alone."""

    content: Content = "data"
    in_use: InUse = "unknown"
    account_wide: bool = False
