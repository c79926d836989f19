"""The least a sweep needs: exactly the union of what its kinds' calls name, plus finding accounts and regions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from residency.collect.spec import Kind
from residency.errors import ConfigError

__all__ = ["MANAGED_POLICY", "ROOT_GROUP", "parts", "permissions", "size"]

MANAGED_POLICY = 6144
"""Characters an IAM managed policy may have, white space not counted (IAM User Guide, "IAM and AWS STS quotas")."""
ROOT_GROUP = "/providers/Microsoft.Management/managementGroups/<tenant id>"
"""The root management group; a custom role may not be assignable at ``/`` (Azure, "Understand role definitions")."""
_NEEDS_NONE = frozenset({"sts:GetCallerIdentity"})


def permissions(
    provider: str, kinds: Mapping[str, Kind], discovery: Iterable[str] = (), scope: str = ROOT_GROUP
) -> dict[str, Any]:
    """The permission document of a provider.

    Parameters
    ----------
    provider
        ``aws`` (an IAM policy), ``gcp`` (a custom role) or ``azure`` (a role definition).
    kinds
        Kinds by name; those of other providers are left out.
    discovery
        Anything needed besides the kinds' calls and finding accounts and regions.
    scope
        Where the role of Azure may be assigned.

    Raises
    ------
    ConfigError
        For another provider.
    """
    wanted = {action for name, kind in kinds.items() if name.startswith(f"{provider}.") for action in _iam(kind)}
    wanted |= {*discovery, *_discovery(provider)}
    if provider == "aws":
        statement = {"Sid": "ResidencyRead", "Effect": "Allow", "Action": sorted(wanted), "Resource": "*"}
        return {"Version": "2012-10-17", "Statement": [statement]}
    if provider == "gcp":
        return {
            "title": "Residency reader",
            "description": "What residency reads; no write and no content",
            "stage": "GA",
            "includedPermissions": sorted(wanted),
        }
    if provider == "azure":
        return {
            "Name": "Residency reader",
            "IsCustom": True,
            "Description": "What residency reads; no write and no content",
            "Actions": sorted(wanted),
            "NotActions": [],
            "DataActions": [],
            "NotDataActions": [],
            "AssignableScopes": [scope],
        }
    raise ConfigError(f"no permission document for {provider!r}; name aws, gcp or azure")


def size(policy: Mapping[str, Any]) -> int:
    """Characters of an IAM policy as IAM counts them."""
    return len(json.dumps(policy, separators=(",", ":")))


def parts(policy: Mapping[str, Any], limit: int = MANAGED_POLICY) -> list[dict[str, Any]]:
    """An IAM policy as the fewest policies within the limit, alike in size, that together allow the same.

    Parameters
    ----------
    policy
        What `permissions` gives for ``aws``.
    limit
        Characters a policy may have.
    """
    (statement,) = policy["Statement"]
    actions, count = list(statement["Action"]), 1
    while True:
        step = -(-len(actions) // count)
        made = [
            {**policy, "Statement": [{**statement, "Action": actions[start : start + step]}]}
            for start in range(0, len(actions), step)
        ]
        if step <= 1 or all(size(item) <= limit for item in made):
            return made
        count += 1


def _discovery(provider: str) -> frozenset[str]:
    """What the provider's driver asks to find accounts and regions."""
    if provider == "aws":
        from residency.collect.door import DISCOVERY as AWS

        return frozenset(AWS.values()) - _NEEDS_NONE
    if provider == "gcp":
        from residency.collect.gcp import DISCOVERY as GCP

        return frozenset(GCP)
    if provider == "azure":
        from residency.collect.azure import DISCOVERY as AZURE

        return frozenset(AZURE)
    return frozenset()


def _iam(kind: Kind) -> Iterable[str]:
    for call in kind.calls():
        yield from call.iam
