"""JMESPath functions the kinds need beyond the standard ones: text and identifiers taken apart.

===================  =====================================================================================
``split(t, sep)``    list of the parts of a text
``arn_part(t, p)``   ``partition`` ``service`` ``region`` ``account`` or ``resource`` of an ARN; null for other text
``arn_in(t, r)``     the ARN with its region replaced by ``r``; null for other text
``lower(t)``         the text in lower case; null for what is no text
``parsed(t)``        what a text of JSON says; null for other text
``having(l, f, v)``  the objects of a list whose field ``f`` is ``v``: what a filter cannot compare with outside
===================  =====================================================================================
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import jmespath
from jmespath import functions

__all__ = ["FUNCTION_NAMES", "OPTIONS", "arn_part", "host_region"]

_HOST: Final = re.compile(
    r"(?:[a-z][a-z0-9+:]*://)?(?:[^/@]*@)?(?P<host>[a-z0-9.-]+)\.(?:amazonaws\.com(?:\.cn)?|(?:on|api)\.aws)(?:[:/?;].*)?",
    re.I,
)
_REGION: Final = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]")
_PARTS: Final = {"partition": 1, "service": 2, "region": 3, "account": 4, "resource": 5}


def arn_part(text: Any, part: str) -> str | None:
    """One part of an ARN; None for anything that is not an ARN, and for a part that is empty."""
    if not isinstance(text, str):
        return None
    pieces = text.split(":", 5)
    if len(pieces) != 6 or pieces[0] != "arn":
        return None
    return pieces[_PARTS[part]] or None


def host_region(text: str) -> str | None:
    """The region in the address of a host that Amazon Web Services itself names; None for any other host.

    Customers choose the labels on the left, so that the one furthest on the right counts; what stands before ``s3``
    is the name of a bucket, whatever it looks like.
    """
    match = _HOST.fullmatch(text.strip())
    for label in reversed(match["host"].lower().split(".") if match else []):
        if _REGION.fullmatch(label):
            return label
        if label == "s3" or label.startswith("s3-"):
            break
    return None


class _Functions(functions.Functions):  # type: ignore[misc, unused-ignore]
    @functions.signature({"types": ["string", "null"]}, {"types": ["string"]})  # type: ignore[untyped-decorator, unused-ignore]
    def _func_split(self, text: str | None, separator: str) -> list[str] | None:
        return None if text is None or not separator else text.split(separator)

    @functions.signature({"types": ["string", "null"]}, {"types": ["string"]})  # type: ignore[untyped-decorator, unused-ignore]
    def _func_arn_part(self, text: str | None, part: str) -> str | None:
        return arn_part(text, part) if part in _PARTS else None

    @functions.signature({"types": ["string", "null"]}, {"types": ["string", "null"]})  # type: ignore[untyped-decorator, unused-ignore]
    def _func_arn_in(self, text: str | None, region: str | None) -> str | None:
        if arn_part(text, "service") is None or text is None or not region:
            return None
        pieces = text.split(":", 5)
        pieces[3] = region
        return ":".join(pieces)

    @functions.signature({"types": ["string", "null"]})  # type: ignore[untyped-decorator, unused-ignore]
    def _func_lower(self, text: str | None) -> str | None:
        return None if text is None else text.lower()

    @functions.signature({"types": ["string", "null"]})  # type: ignore[untyped-decorator, unused-ignore]
    def _func_parsed(self, text: str | None) -> Any:
        try:
            return None if text is None else json.loads(text)
        except (ValueError, RecursionError):
            return None

    @functions.signature(  # type: ignore[untyped-decorator, unused-ignore]
        {"types": ["array", "null"]}, {"types": ["string"]}, {"types": ["string", "null"]}
    )
    def _func_having(self, items: list[Any] | None, field: str, value: str | None) -> list[Any] | None:
        if items is None or value is None:
            return None
        return [item for item in items if isinstance(item, dict) and item.get(field) == value]


OPTIONS: Final = jmespath.Options(custom_functions=_Functions())
"""Pass to every search."""

FUNCTION_NAMES: Final[frozenset[str]] = frozenset(_Functions.FUNCTION_TABLE)
"""Names an expression may call."""
