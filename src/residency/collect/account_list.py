"""The public list of known AWS accounts (github.com/fwdcloudsec/known_aws_accounts), read from a copy of the user's.

Its form: a YAML list of ``{name, accounts: ['123456789012', …], source: text or list, type: aws}``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from residency.collect.contractors import fold_name
from residency.errors import Fault, FaultsError
from residency.known_accounts import KnownAccount, KnownAccounts
from residency.vendors import Vendors
from residency.yamlfile import Loaded, Path_, parse

__all__ = ["read_account_list"]

_ACCOUNT = re.compile(r"[0-9]{12}\Z")
_KEYS = frozenset({"name", "accounts", "source", "type"})


def read_account_list(file: Path, vendors: Vendors) -> tuple[KnownAccounts, str]:
    """Accounts of the list, each with its vendor where the catalogue has one, and the SHA-256 of the file.

    Raises
    ------
    FaultsError
        With every entry that is not of the list's form.
    """
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise FaultsError([Fault(str(file), 0, f"cannot be read: {error.strerror}", "unreadable")]) from None
    loaded = parse(raw, str(file))
    faults = list(loaded.faults)
    if not faults and not isinstance(loaded.data, list):
        faults.append(Fault(str(file), 1, "needs a list of entries with `name` and `accounts`", "schema"))
    names = _names(vendors)
    found: dict[str, KnownAccount] = {}
    for number, entry in enumerate([] if faults else loaded.data):
        bad = list(_faults(entry, (number,), loaded))
        faults.extend(bad)
        if bad:
            continue
        sources = entry.get("source") or []
        for account in (_text(item) for item in entry["accounts"]):
            item = KnownAccount(
                name=entry["name"],
                kind=entry.get("type") or "vendor",
                vendor=vendors.of_account(account) or names.get(fold_name(entry["name"])),
                sources=[sources] if isinstance(sources, str) else sources,
            )
            found[account] = _both(found[account], item) if account in found else item
    if faults:
        raise FaultsError(faults)
    return found, hashlib.sha256(raw).hexdigest()


def _names(vendors: Vendors) -> dict[str, str]:
    """Vendor by folded name: of itself and of its services; a name of two vendors is nobody's."""
    owners: dict[str, set[str]] = {}
    for key, vendor in vendors.items():
        for name in (key, vendor.name.en, vendor.name.ja, *vendor.services):
            owners.setdefault(fold_name(name), set()).add(key)
    return {name: next(iter(keys)) for name, keys in owners.items() if len(keys) == 1}


def _both(one: KnownAccount, other: KnownAccount) -> KnownAccount:
    """An account that stands in two entries bears both names, and a vendor only where they agree."""
    if one == other:
        return one
    return KnownAccount(
        name=one.name if one.name == other.name else f"{one.name} / {other.name}",
        kind=one.kind if one.kind == other.kind else "vendor",
        vendor=one.vendor if one.vendor == other.vendor else None,
        sources=list(dict.fromkeys([*one.sources, *other.sources])),
    )


def _text(account: Any) -> str:
    """An account that was written without quotes has lost its leading zeros."""
    return str(account).zfill(12) if isinstance(account, int) else str(account)


def _faults(entry: Any, path: Path_, loaded: Loaded) -> Iterator[Fault]:
    def fault(where: Path_, message: str) -> Fault:
        return Fault(loaded.file, loaded.line(where), message, "schema")

    if not isinstance(entry, dict):
        yield fault(path, "an entry is a mapping with `name` and `accounts`")
        return
    for key in entry:
        if key not in _KEYS:
            yield fault((*path, key), f"unknown key {key!r}; there are {', '.join(sorted(_KEYS))}")
    if not isinstance(entry.get("name"), str) or not entry["name"]:
        yield fault(path, "needs a `name`")
    sources = entry.get("source") or []
    if not isinstance(sources, str) and not (isinstance(sources, list) and all(isinstance(s, str) for s in sources)):
        yield fault((*path, "source"), "`source` is a text or a list of texts")
    if entry.get("type") not in {None, "aws"}:
        yield fault((*path, "type"), f"`type` is aws or left out, not {entry['type']!r}")
    accounts = entry.get("accounts")
    if not isinstance(accounts, list) or not accounts:
        yield fault(path, "needs a list of `accounts`")
        return
    for number, account in enumerate(accounts):
        if isinstance(account, bool) or not _ACCOUNT.match(_text(account)):
            yield fault((*path, "accounts", number), f"{account!r} is no AWS account of 12 digits")
