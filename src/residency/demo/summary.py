"""The demo's last words: at most sixty lines on what was found, what was not seen, and what to run next."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING

from residency.escape import terminal

if TYPE_CHECKING:
    from residency.demo.run import Demo

__all__ = ["summary_lines"]

_WIDTH = 118
_TOP = 6
_NEXT = (
    ("residency check published-policy.ja.md", "exits 1: what the published policy leaves out"),
    ("residency disclose published-policy.ja.md", "fills it in; check again: exits 0"),
    ("residency explain CN", "down to the article and the log line"),
    ('residency query "SELECT * FROM placed"', "every placement with its country"),
)


def summary_lines(demo: Demo) -> Iterator[str]:
    """The summary, line by line."""
    for text in _lines(demo):
        plain = terminal(text).rstrip()
        yield plain if len(plain) <= _WIDTH else f"{plain[: _WIDTH - 1].rstrip()}…"


def _lines(demo: Demo) -> Iterator[str]:
    found, rows = demo.findings, demo.rows

    def name(code: str) -> str:
        return "unknown countries" if code == "unknown" else demo.names.get(code, code)

    ended: dict[str, int] = {}
    for unit in rows["units"]:
        ended[unit.status] = ended.get(unit.status, 0) + 1
    statuses = ", ".join(f"{count} {status}" for status, count in sorted(ended.items(), key=lambda item: -item[1]))
    yield f"{demo.names['organisation']}, an invented operator, on stand-ins for three clouds on this machine."
    yield f"{len(rows['stores'])} stores in {len(rows['units'])} units ({statuses})."
    yield ""
    abroad = [item for item in found.countries if not item.named]
    denied = any(item.kind == "absence" and item.axis == "equipment" for item in found.drift)
    says = "says there is no equipment abroad" if denied else "names countries of equipment"
    yield f"The published policy {says}. User information lies in {len(abroad)} countries that it does not name:"
    for country in abroad:
        called = name(country.code) if country.certain else f"{name(country.code)} (possible)"
        yield f"  {country.code}  {called:22} {', '.join(map(_short, country.stores))}"
    if found.unbounded:
        yield f"  ??  {'cannot be told':22} {', '.join(found.unbounded)}"
    yield ""
    yield f"{len(found.copies)} stores in Japan are also kept abroad:"
    for copy in found.copies:
        where = f"{','.join(copy.abroad):6} {copy.location:15}"
        yield f"  {_short(copy.store):27} {copy.role:8} {where} {copy.kind}"
    yield ""
    for item in found.mismatches:
        registered = ", ".join(map(name, item.registered))
        yield f"The register says {item.contractor} works in {registered}; the logs say {name(item.country)}:"
        yield f"  {item.principals} principals, {item.events} accesses, {item.first} to {item.last}"
    for chain in found.chains:
        links = (f"{item.name} ({'country unknown' if item.seat == 'unknown' else item.seat})" for item in chain)
        yield f"Re-entrusted: {' -> '.join(links)}"
    for outsider in found.outsiders:
        may = "reach" if outsider.access == "unknown" else outsider.access
        sure = "can" if outsider.certain else "may"
        yield f"Not in the register: {outsider.principal} {sure} {may} {', '.join(map(_short, outsider.stores))}"
    yield ""
    yield "Highest certain exposure to foreign law (0-100, ordinal): lower bound, upper as seen, upper with gaps"
    for cell in found.top[:_TOP]:
        bounds = f"{cell.seen.lo:5.1f} {cell.seen.hi:5.1f} {cell.value.hi:5.1f}"
        where = f"{cell.jurisdiction} by {cell.channel:9} {cell.dataset:31}"
        yield f"  {bounds}  {where} {_short(cell.witness[0])}"
    yield ""
    unknown = len(found.unclassified)
    yield f"Not seen: {len(rows['gaps'])} gaps, and {unknown} stores nobody classified; no absence is stated."
    for unseen in found.unseen:
        units = f"{unseen.units} units" if unseen.units else "scope"
        yield f"  {unseen.provider:5} {unseen.account:36} {unseen.cause:7} {units:9}  {unseen.message}"
    yield ""
    yield f"Written to {demo.folder}:"
    yield from wrap(
        ", ".join(item for item in demo.files if "/" not in item), _WIDTH, initial_indent="  ", subsequent_indent="  "
    )
    yield "Next:"
    yield f"  cd {demo.folder}"
    for command, does in _NEXT:
        yield f"  {command:42} # {does}"


def _short(name: str) -> str:
    """The last part of a path-like name."""
    return name.rstrip("/").rsplit("/", 1)[-1] if name.startswith(("/", "projects/", "arn:")) else name
