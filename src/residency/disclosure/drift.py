"""Whether a published policy still says what is so: differences a reader can act on."""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from residency.countries import load_countries
from residency.disclosure.markers import Found
from residency.disclosure.render import Language, country_namer
from residency.disclosure.tables import Axis, Policy, PolicyRow
from residency.graph import Inputs
from residency.providers import UNBOUNDED

__all__ = ["Difference", "drift", "drift_of_text"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing the published text says otherwise, or does not say.

    ``missing``: a country or party that should be named. ``absence``: the text denies what is so, or what gaps forbid
    to deny. ``extra``: a country named though nothing there is seen. ``system``: 制度の有無 differs. ``wording``: same
    countries, other text.
    """

    kind: Literal["missing", "absence", "extra", "system", "wording"]
    axis: Axis
    language: str
    code: str
    message: str
    because: tuple[str, ...] = ()


_NONE = re.compile(r"(?i)該当(するもの)?は?(ありません|なし)|^\s*(なし|ありません|none)[。.]?\s*$|\bnone\.\s*$", re.M)


def drift(
    found: list[Found], policy: Policy, inputs: Inputs, expected: Mapping[tuple[str, str], str]
) -> list[Difference]:
    """Compare each block of a file with what it should say; blocks in order, countries within."""
    result: list[Difference] = []
    for item in found:
        wanted = expected[item.axis, item.language]
        if _normal(item.text) == _normal(wanted):
            continue
        language: Language = "ja" if item.language == "ja" else "en"
        differences = list(_countries(item.text, item.axis, language, policy, inputs))
        if not differences:
            lines = difflib.unified_diff(_normal(item.text), _normal(wanted), "published", "expected", lineterm="", n=0)
            shown = "\n".join(list(lines)[2:])
            differences = [Difference("wording", item.axis, item.language, "", f"the text differs:\n{shown}")]
        result += differences
    return result


def drift_of_text(text: str, policy: Policy, inputs: Inputs, language: Language) -> list[Difference]:
    """Compare a policy without markers: every country that should be named must be named somewhere."""
    result: list[Difference] = []
    seen: set[tuple[str, str]] = set()
    for block in policy.blocks:
        for difference in _countries(text, block.axis, language, policy, inputs, whole=True):
            if (difference.code, difference.axis) not in seen and block.axis != "environment":
                seen.add((difference.code, difference.axis))
                result.append(difference)
    return result


def _countries(
    text: str, axis: Axis, language: Language, policy: Policy, inputs: Inputs, *, whole: bool = False
) -> list[Difference]:
    block = policy.block(axis)
    name = country_namer(inputs, language)
    called = _all_names(name, inputs)
    named = _Named(text, called)
    result: list[Difference] = []
    rows: dict[str, list[PolicyRow]] = {}
    for row in block.rows:
        rows.setdefault(row.code, []).append(row)
    for code, items in rows.items():
        because = tuple(dict.fromkeys(reason for row in items for reason in row.because))
        if code == UNBOUNDED:
            for row in items:
                if row.party and row.party not in text:
                    said = (
                        f"{row.party} keeps or handles data in a country that cannot be told; the text does not name it"
                    )
                    result.append(Difference("missing", axis, language, code, said, row.because))
            continue
        if not named(code):
            what = "is" if any(row.certainty == "seen" for row in items) else "may be"
            parties = ", ".join(sorted({row.party for row in items if row.party}))
            through = f" through {parties}" if parties else ""
            said = f"{name(code)} ({code}) {what} concerned{through}; the text does not name it"
            result.append(Difference("missing", axis, language, code, said, because))
        elif not whole and (wrong := _system(text, name(code), items[0], language)):
            result.append(Difference("system", axis, language, code, wrong, items[0].links))
    if not whole and _NONE.search(text) and not block.absence:
        why = "countries are concerned" if block.rows else "part of the systems was not seen"
        result.append(
            Difference("absence", axis, language, "", f"the text states there is none, but {why}", policy.gaps[:5])
        )
    if not whole:
        first = _Named(_first_cells(text), called)
        home = inputs.jurisdictions.members(inputs.config.home, inputs.as_of)
        for code in sorted(called):
            if code not in rows and code not in home and first(code):
                said = f"{name(code)} ({code}) is named, but nothing there was seen"
                result.append(Difference("extra", axis, language, code, said))
    return result


class _Named:
    """Whether a text names a country, not merely another whose name holds it: インド is not in インドネシア."""

    def __init__(self, text: str, names: Mapping[str, frozenset[str]]) -> None:
        self.text = html.unescape(re.sub(r"\\([^\w\s])", r"\1", text))
        self.names = names

    def __call__(self, code: str) -> bool:
        return any(self._holds(name, code) for name in self.names.get(code, ()))

    def _holds(self, name: str, code: str) -> bool:
        if name not in self.text and name.lower() not in self.text.lower():
            return False
        rest = self.text
        others = {longer for other, names in self.names.items() if other != code for longer in names if name in longer}
        for longer in sorted(others, key=len, reverse=True):
            rest = rest.replace(longer, "\n")
        if name.isascii():
            return re.search(rf"(?<![A-Za-z]){re.escape(name)}(?![A-Za-z])", rest, re.I) is not None
        return name in rest


def _all_names(name: Callable[[str], str], inputs: Inputs) -> dict[str, frozenset[str]]:
    """Every name a policy may call a country by; not its codes, since "us" is a word."""
    iso = load_countries()
    found: dict[str, frozenset[str]] = {}
    for code in {*iso, *inputs.jurisdictions}:
        names = {name(code)} | ({iso[code].en, iso[code].ja, *iso[code].also} if code in iso else set())
        found[code] = frozenset(item for item in names if len(item) > 3 or not item.isascii())
    return found


def _first_cells(text: str) -> str:
    """First column of tables and bold heads of lists, else everything: outlines name countries not concerned."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.lstrip().startswith("|") and line.count("|") > 1]
    cells += re.findall(r"^\s*[-*]\s+\*\*(.+?)\*\*", text, re.M)
    return "\n".join(cells) if cells else text


_SYSTEM = {
    "ja": {"yes": "あり", "no": "なし", "unknown": "確認できていません"},
    "en": {"yes": "yes", "no": "no", "unknown": "not established"},
}


def _system(text: str, name: str, row: PolicyRow, language: Language) -> str:
    words = _SYSTEM[language]
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]] if line.lstrip().startswith("|") else []
        if cells and re.fullmatch(rf"{re.escape(name)}\s*([(（].*)?", cells[0]):
            said = next((value for value, word in words.items() if word in cells), None)
            if said is not None and said != row.system:
                return f"{name}: the text says 制度の有無 {words[said]}, the file says {words[row.system]}"
    return ""


def _normal(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.replace("\r\n", "\n").strip().split("\n")]
