"""Whose AWS accounts are known: a file of the user's own beside ``residency.yaml``, made from a public list.

What a vendor publishes stands in its catalogue file; this file names further accounts as somebody else's list does, and
such names stay uncertain: they add ways in which a law may reach data, they never take one away.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from residency.errors import Fault, FaultsError
from residency.yamlfile import StrictModel, dump, load_model

__all__ = ["FILE_NAME", "KnownAccount", "KnownAccounts", "known_text", "load_known"]

FILE_NAME = "known-accounts.yaml"
KnownAccounts = Mapping[str, "KnownAccount"]
_ACCOUNT = re.compile(r"[0-9]{12}\Z")
_HEADER = """\
# AWS accounts by their owner, made by `residency contractors accounts` from the list named below, not checked by us.
# An entry with `own: true` is kept when the list is read again.
"""


class KnownAccount(StrictModel):
    """Who is said to hold an account.

    ``kind`` is ``aws`` for accounts of AWS's own services. ``vendor`` is an id of the vendor catalogue.
    """

    name: str = Field(min_length=1)
    kind: Literal["vendor", "aws"] = "vendor"
    vendor: str | None = None
    sources: list[str] = Field(default_factory=list)
    own: bool = False


class _File(StrictModel):
    list_: str = Field(alias="list")
    sha256: str
    accounts: dict[str, KnownAccount]


def load_known(file: Path) -> KnownAccounts:
    """The accounts of a file; none when there is no file.

    Raises
    ------
    FaultsError
        With every fault in it.
    """
    if not file.is_file():
        return {}
    parsed, loaded, faults = load_model(_File, file)
    for account in parsed.accounts if parsed else ():
        if not _ACCOUNT.match(account):
            text = f"{account!r} is no AWS account of 12 digits; quote it"
            faults.append(Fault(loaded.file, loaded.line(("accounts", account)), text, "account"))
    if faults or parsed is None:
        raise FaultsError(faults)
    return parsed.accounts


def known_text(accounts: KnownAccounts, list_name: str, sha256: str) -> str:
    """The file's text."""
    rows = {
        account: {name: value for name, value in item.model_dump().items() if value not in (None, [], False)}
        for account, item in sorted(accounts.items())
    }
    return _HEADER + dump({"list": list_name, "sha256": sha256, "accounts": rows})
