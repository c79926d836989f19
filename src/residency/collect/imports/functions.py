"""JMESPath functions that rows of foreign inventories need beyond those of the kinds.

==============  ================================================================================================
``parsed(v)``   the value of JSON text; anything else stays as it is
``word(v)``     text of a boolean (``true``) or number; anything else stays as it is
``flag(v)``     the boolean that text or a boolean says; null for anything else
``some(v)``     null for empty text, an empty list or an empty object; anything else stays as it is
==============  ================================================================================================
"""

from __future__ import annotations

import json
from typing import Any, Final

import jmespath
from jmespath import functions
from jmespath.exceptions import JMESPathError

from residency.collect.functions import FUNCTION_NAMES, _Functions
from residency.collect.spec import expression

__all__ = ["NAMES", "look", "parsed"]

_TRUE: Final = frozenset({"true", "t", "yes", "1", "enabled"})
_FALSE: Final = frozenset({"false", "f", "no", "0", "disabled"})
_DEEP: Final = 3  # AWS Config keeps an access control list as JSON text of JSON text


def parsed(value: Any) -> Any:
    """The value of JSON text, also where text holds text; what is no JSON stays text."""
    for _ in range(_DEEP):
        if not isinstance(value, str) or value.lstrip()[:1] not in {"{", "[", '"'}:
            break
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            break
    return value


class _More(_Functions):
    @functions.signature({"types": []})  # type: ignore[untyped-decorator, unused-ignore]
    def _func_parsed(self, value: Any) -> Any:
        return parsed(value)

    @functions.signature({"types": []})  # type: ignore[untyped-decorator, unused-ignore]
    def _func_word(self, value: Any) -> Any:
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value) if isinstance(value, int | float) else value

    @functions.signature({"types": []})  # type: ignore[untyped-decorator, unused-ignore]
    def _func_flag(self, value: Any) -> bool | None:
        said = str(value).strip().lower() if isinstance(value, str | bool | int) else ""
        return True if said in _TRUE else False if said in _FALSE else None

    @functions.signature({"types": []})  # type: ignore[untyped-decorator, unused-ignore]
    def _func_some(self, value: Any) -> Any:
        return None if isinstance(value, str | list | dict) and not value else value


_OPTIONS: Final = jmespath.Options(custom_functions=_More())
NAMES: Final[frozenset[str]] = frozenset(_More.FUNCTION_TABLE) | FUNCTION_NAMES
"""Functions the files of foreign types may call."""


def look(text: str, row: Any) -> Any:
    """Evaluate an expression of a foreign type; a function given a value of the wrong type answers None."""
    try:
        return expression(text).search(row, options=_OPTIONS)
    except JMESPathError:
        return None
