"""The least a sweep needs: exactly the union of what its kinds' calls name, plus finding accounts and regions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from residency.collect.spec import Kind
from residency.errors import ConfigError

__all__ = ["permissions"]

_NEEDS_NONE = frozenset({"sts:GetCallerIdentity"})


def permissions(provider: str, kinds: Mapping[str, Kind], discovery: Iterable[str] = ()) -> dict[str, Any]:
    """The permission document of a provider.

    Parameters
    ----------
    provider
        ``aws`` (an IAM policy), ``gcp`` (a custom role) or ``azure`` (a role definition).
    kinds
        Kinds by name; those of other providers are left out.
    discovery
        Anything needed besides the kinds' calls and finding accounts and regions.

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
            "AssignableScopes": ["/"],
        }
    raise ConfigError(f"no permission document for {provider!r}; name aws, gcp or azure")


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
