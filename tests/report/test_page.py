"""The report page: what it says, that nothing in it can act, and that it stands alone."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
import shutil
import subprocess
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import worlds

from residency.config import Config
from residency.disclosure.tables import policy
from residency.interval import Interval
from residency.inventory.tables import EntityRow, Label, Rows, Sweep, Unit
from residency.report import render_report
from residency.report.geography import geography
from residency.report.page import Limits, safe_url
from residency.report.tables import exposures, namer, share, tie
from residency.report.trees import Forest, shorten, witness
from residency.scoring import Scores, score
from residency.trace import combine, leaf

VOID = {"meta", "link", "input", "br", "hr", "img"}
NASTY = [
    "</script><img src=x onerror=alert(1)>",
    '"><svg onload=alert(2)>',
    "<!--<script>",
    "a\u202egnp.exe\u2066b",
    "[x](javascript:alert(3)) **b** | c",
    "{{ 7*7 }}{% raw %}",
    "line\u2028break\x00\x1b[31m",
    "=HYPERLINK(1)",
]


class Page(HTMLParser):
    """Reads a page strictly: every element must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {}
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"{tag} has an attribute twice"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag in {"td", "th", "li", "p", "dd", "dt", "option"}:
            self.text.append(" ")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in {"script", "style"}:
            self.inside.setdefault(self.open[-1], []).append(data)
        else:
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join("".join(self.text).split())

    @property
    def data(self) -> Any:
        return json.loads(self.inside["script"][0])

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def inventory() -> Rows:
    unit = {"provider": "quasar", "account": "1", "region": "eu-berlin-1", "started_at": worlds.SEEN}
    return worlds.rows(
        worlds.store("vol-a"),
        worlds.placement("vol-a", "eu-berlin-1"),
        worlds.placement("vol-a", "twin", "replica"),
        worlds.key("vol-a"),
        worlds.store("vol-b"),
        worlds.placement("vol-b", "eu"),
        worlds.key("vol-b", "external"),
        worlds.gap(),
        worlds.gap("placement", "vol-b"),
        worlds.contractor("desk", principals=("h-*",)),
        worlds.contractor("below", seat="CN", staff_countries=("CN",), entrusted_by="desk", principals=("b-*",)),
        worlds.contractor("vague", seat="unknown", staff_countries=()),
        worlds.access("h-1", "CN"),
        worlds.access("h-2", "JP"),
        worlds.access("b-1", None),
        worlds.access("someone", "QZ", count=2, denied=2),
        Unit(**unit, kind="quasar.disk.volume", status="denied", finished_at=worlds.SEEN),
        Unit(**unit, kind="quasar.db", status="empty", finished_at=worlds.SEEN),
        Sweep(
            sweep_id="s1",
            started_at=worlds.SEEN,
            finished_at=worlds.SEEN,
            scope='{"quasar": {"regions": ["eu-berlin-1"]}, "aws": null, "gcp": {}, "note": "x"}',
            tool_version="0.1.0",
            catalogue="abc",
        ),
    )


def held() -> list[Any]:
    return [
        *worlds.holdings(["vol-a"], chat_communication__content="yes"),
        *worlds.holdings(
            ["vol-b"],
            **{dataset.id.replace("/", "_").replace(".", "__"): "unknown" for dataset in worlds.CONFIG.datasets()},
        ),
    ]


def scores(rows: Rows | None = None, **fields: Any) -> Scores:
    return score(worlds.inputs(rows or inventory(), held(), **fields))


def page(found: Scores, limits: Limits | None = None) -> str:
    return render_report(found, policy(found.inputs), limits)


@lru_cache(maxsize=1)
def plain_text() -> str:
    return page(scores())


@lru_cache(maxsize=1)
def plain() -> Page:
    return Page(plain_text())


@pytest.mark.parametrize(
    "said",
    [
        "Acme",
        "アクメ",
        "as of 2026-11-01",
        "not legal advice",
        "Home: Japan 日本 JP",
        "Germany ドイツ DE",
        "1 of 2 parts asked for (account × region × kind) could not be seen.",
        "2 gaps recorded",
        "What 1 store of 2 hold is not known",
        "Seat or staff countries of 1 contractor are not known.",
        "1 address in the logs cannot be tied to a country.",
        "absence may not be stated for any country",
        "Not in the register: China 中国 CN: 3 events",
        "re-entrusted 再委託: Desk → Below",
        "ListVolumes",
        "State Information Act",
        "art. 112",
        "residency explain",
        "IP Geolocation by DB-IP",
        "Natural Earth",
        "quasar reviewed 2026-10-02",
        "aws: not swept",
        "gcp: everything the credentials reach",
        "quasar: regions eu-berlin-1",
        "all refused",
    ],
)
def test_the_page_says(said: str) -> None:
    shown = page(scores(), Limits(trees=1)) if said == "residency explain" else plain_text()
    if said == "all refused":
        rows = inventory()
        rows.add(worlds.access("h-3", "QZ", count=2, denied=2))
        shown = page(scores(rows))
    assert said in Page(shown).words


def test_a_country_that_cannot_be_told_is_named_not_left_out() -> None:
    country = namer(scores().inputs)("ZZ")
    assert country.en != "ZZ"
    assert f"{country.en} {country.ja} ZZ" in plain().words.split("Not on the map:")[1].split("Ties that")[0]


def test_same_input_same_bytes() -> None:
    rows = inventory()
    for table in rows.tables.values():
        table.reverse()
    assert page(scores(rows.sorted())) == page(scores(inventory().sorted()))


def test_the_policy_hashes_are_those_of_style_and_script() -> None:
    (meta,) = [tag for tag in plain().all("meta") if tag.get("http-equiv") == "Content-Security-Policy"]
    content = meta["content"] or ""
    style, (_, script) = plain().inside["style"], plain().inside["script"]

    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    assert "default-src 'none'" in content
    assert f"style-src 'sha256-{digest(style[0])}'" in content
    assert f"script-src 'sha256-{digest(script)}'" in content
    assert "unsafe" not in content


def test_nothing_is_loaded() -> None:
    found = plain()
    assert not {"img", "link", "iframe", "object", "embed", "base", "video", "audio", "image", "use"} & {
        tag for tag, _ in found.tags
    }
    for tag, attributes in found.tags:
        assert not {"src", "srcset", "style", "background", "action", "formaction", "data", "ping"} & set(attributes), (
            tag
        )
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("href", "xlink:href"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "https://", "http://")), value
            assert tag == "a" or name not in attributes
    style = found.inside["style"][0]
    assert "@import" not in style
    assert set(re.findall(r"url\((.)", style)) == {"#"}
    script = found.inside["script"][1]
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "fetch(",
        "XMLHttp",
        "import(",
    ):
        assert word not in script


def test_links_out_do_not_say_where_they_come_from() -> None:
    outward = [tag for tag in plain().all("a") if (tag.get("href") or "").startswith("http")]
    assert outward
    assert all(tag.get("rel") == "noopener noreferrer" for tag in outward)


def _evil(text: str) -> str:
    """The page with one hostile text wherever a cloud, a register, a log or a config names something."""
    rows = inventory()
    for table, names in {
        "stores": ("name", "account", "call", "kind"),
        "placements": ("location", "evidence", "call"),
        "gaps": ("message", "account", "kind", "call"),
        "contractors": ("name", "purpose", "source"),
        "access": ("ip", "reason", "source", "geo_source", "geo_date"),
        "units": ("account", "kind"),
        "sweeps": ("scope", "sweep_id", "tool_version", "catalogue"),
    }.items():
        rows.tables[table] = [dataclasses.replace(row, **dict.fromkeys(names, text)) for row in rows[table]]
    rows.tables["stores"] = [dataclasses.replace(row, store_id=row.store_id) for row in rows["stores"]]
    rows.add(
        worlds.contractor(text, principals=(text,)),
        worlds.access(text, "CN"),
        worlds.grant("vol-a", text),
        worlds.store(text),
        worlds.placement(text, "eu-berlin-1"),
        EntityRow(entity_id="desk", name=text, seat="CN", owner_id=text, source=text),
        Label(**{**_origin(), "store_id": "vol-a", "key": text, "value": text}),
    )
    config = worlds.CONFIG.model_dump()
    config["organisation"]["name"] = {"en": text, "ja": text}
    for service in config["services"]:
        service["name"] = {"en": text, "ja": text}
    holdings = [*held(), *worlds.holdings([text], chat_communication__content="yes")]
    override = {"strengths.constants.safeguard_cap": {"value": 0.4, "reason": text}}
    judgement = worlds.load_judgement().with_overrides(override)
    found = score(worlds.inputs(rows, holdings, config=Config.model_validate(config), judgement=judgement))
    return page(found)


def _origin() -> dict[str, Any]:
    row = worlds.store("vol-a")
    return {name: getattr(row, name) for name in ("provider", "account", "region", "kind", "call", "seen_at")}


@pytest.mark.parametrize("text", NASTY)
def test_hostile_names_stay_text(text: str) -> None:
    shown = _evil(text)
    evil, calm = Page(shown), plain()
    assert {tag for tag, _ in evil.tags} <= {tag for tag, _ in calm.tags} | {"b", "li", "ul", "p", "details", "summary"}
    assert not evil.all("img")
    assert len(evil.inside["script"]) == 2
    assert evil.inside["script"][1] == calm.inside["script"][1]
    for _, attributes in evil.tags:
        assert not [name for name in attributes if name.startswith("on")]
    for tag in evil.all("a"):
        assert (tag["href"] or "").startswith(("#", "https://", "http://"))
    raw = evil.inside["script"][0]
    assert not set(raw) & set("<>\u2028\u2029\u202e\u2066\x00\x1b")
    assert not set(shown) & set("\u2028\u2029\u202e\u2066\x00\x1b")
    assert evil.data["nodes"]
    assert shorten(text)[:20].split("<")[0] in evil.words or shorten(text)[:5] in evil.words


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://law.example/a?b=c#d", True),
        ("http://law.example/", True),
        ("javascript:alert(1)", False),
        ("JavaScript:alert(1)", False),
        ("data:text/html,x", False),
        ("//law.example/", False),
        ("https:///nohost", False),
        ("https://register.invalid/", False),
        ("https://law.example/\u202e", False),
        ("https://law.example/a b", False),
        ("https://[broken", False),
        ("", False),
    ],
)
def test_only_real_web_addresses_become_links(url: str, kept: bool) -> None:
    assert safe_url(url) == (url if kept else "")


def test_every_cell_is_a_row_with_its_tree() -> None:
    found = scores()
    rows = [tag for tag in plain().all("tr") if "data-n" in tag]
    cells = {(cell.dataset, cell.jurisdiction, cell.channel) for cell in found.cells}
    assert {(row["data-dataset"], row["data-country"], row["data-channel"]) for row in rows} == cells
    data = plain().data
    assert set(data["cells"]) == {row["data-n"] for row in rows}
    for seen, full in data["cells"].values():
        assert full is not None
        for root, stores, steps in filter(None, (seen, full)):
            assert data["nodes"][root]
            assert data["nodes"][stores]
            assert steps


def test_the_kept_tree_is_the_trace() -> None:
    found = scores()
    forest = Forest()
    cell = found.cells[0]
    root = forest.add(cell.trace)
    flat = forest.to_dict()

    def value(index: int) -> tuple[str, tuple[Any, ...]]:
        _, label, lo, hi, children, *_ = flat["nodes"][index]
        return flat["texts"][label], (lo, hi, tuple(value(child) for child in children))

    def expected(node: Any) -> tuple[str, tuple[Any, ...]]:
        numbers = tuple(float(f"{bound:.6g}") for bound in (node.value.lo, node.value.hi))
        return shorten(node.label), (*numbers, tuple(expected(child) for child in node.children))

    assert value(root) == expected(cell.trace)
    assert forest.add(cell.trace) == root
    assert len(forest.to_dict()["nodes"]) == len(flat["nodes"])


def test_what_was_left_out_is_said_and_no_jurisdiction_drops_out() -> None:
    found = scores()
    shown = Page(page(found, Limits(exposures=40, trees=10, rows=1, laws=1)))
    rows = [tag for tag in shown.all("tr") if "data-n" in tag]
    assert {row["data-country"] for row in rows} == {cell.jurisdiction for cell in found.cells}
    assert len(rows) < len(found.cells)
    for said in (
        "Left out of this page, lower than",
        "without the computation behind the score",
        "left out of this page; the snapshot",
    ):
        assert said in shown.words
    assert "On file and left out" in shown.words or "QZ" in shown.words


@pytest.mark.parametrize(
    ("sizes", "limit", "each"),
    [([], 10, 1), ([3, 4], 10, 4), ([5, 5], 4, 2), ([1, 100], 11, 10), ([9, 9, 9], 1, 1)],
)
def test_room_is_shared_evenly(sizes: list[int], limit: int, each: int) -> None:
    assert share(sizes, limit) == each


def test_the_highest_rows_are_kept() -> None:
    found = scores()
    kept, left = exposures(found, namer(found.inputs), 12)
    for code in left:
        rows = [row.cell for row in kept if row.country.code == code]
        dropped = [cell for cell in found.cells if cell.jurisdiction == code and cell not in rows]
        order = ("seen", "possible", "gaps")
        worst = max((order.index(tie(cell)), -cell.seen.hi) for cell in rows)
        assert worst <= min((order.index(tie(cell)), -cell.seen.hi) for cell in dropped)
        assert len(dropped) == left[code]


def test_ties_are_told_apart() -> None:
    found = scores()
    ties = {(cell.dataset, cell.jurisdiction, cell.channel): tie(cell) for cell in found.cells}
    assert ties["chat/communication.content", "DE", "storage"] == "seen"
    assert ties["shop/user.observed", "EU", "storage"] == "possible"
    # copies of vol-b could not be read: only that gap reaches France
    assert ties["shop/user.observed", "FR", "storage"] == "gaps"


def test_an_unknown_law_does_not_hide_a_seen_tie() -> None:
    rows = worlds.rows(worlds.store("v"), worlds.placement("v", "eu-paris-1"), worlds.key("v"))
    found = score(worlds.inputs(rows, worlds.holdings(["v"], chat_communication__content="yes")))
    cell = found.cell("chat/communication.content", "FR", "storage")
    assert cell is not None
    assert cell.seen.lo == 0
    assert tie(cell) == "seen"


def _looks(shown: str) -> dict[str, str]:
    return {
        code: look
        for look, title in re.findall(r'<g class="([^"]*)"><title>([^<]*)</title>', shown)
        for code in re.findall(r"\(([A-Z]{2})\)", title)[:1]
    }


def test_no_country_looks_untouched_while_something_is_hidden() -> None:
    looks = _looks(plain_text())
    assert looks["DE"].startswith("tie-seen")
    assert looks["JP"] == "home"
    assert looks["BR"] == "rest"
    assert "clear" not in looks.values()


def test_a_country_is_clear_only_when_all_was_seen() -> None:
    rows = worlds.rows(worlds.store("v"), worlds.placement("v", "eu-berlin-1"), worlds.key("v"))
    found = score(worlds.inputs(rows, worlds.holdings(["v"], chat_communication__content="yes")))
    looks = _looks(page(found))
    assert looks["BR"] == "clear"
    assert looks["DE"].startswith("tie-seen")


def test_gaps_alone_are_hatched_and_their_band_is_open() -> None:
    shown = page(score(worlds.inputs(worlds.rows(worlds.gap()), [])))
    assert _looks(shown)["BR"] == "rest"
    words = Page(shown).words
    assert "nothing seen; with what was not seen 0–" in words
    assert "No store was seen whose content and place are both certain." in words


def test_an_empty_inventory_claims_nothing() -> None:
    words = Page(page(score(worlds.inputs(Rows(), [])))).words
    for said in (
        "No cloud was swept: nothing is known of stores there.",
        "No contractor register was read",
        "No logs were read",
        "no sweep in the snapshot",
        "absence may not be stated",
    ):
        assert said in words
    assert "Everything asked for was seen" not in words


def test_overrides_and_other_scopes_are_printed() -> None:
    judgement = worlds.load_judgement().with_overrides(
        {
            "strengths.constants.safeguard_cap": {"value": 0.4, "reason": "counsel"},
            "strengths.control.branch": {"value": [0.5, 0.6], "reason": "board"},
        }
    )
    rows = inventory()
    sweep = rows["sweeps"][0]
    rows.add(
        dataclasses.replace(sweep, sweep_id="s2", scope="not json"),
        dataclasses.replace(sweep, sweep_id="s3", scope="[1]"),
    )
    words = Page(page(scores(rows, judgement=judgement))).words
    assert "strengths.constants.safeguard_cap = 0.4: counsel" in words
    assert "strengths.control.branch = 0.5–0.6: board" in words
    assert "not json" in words
    assert "[1]" in words


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"entrusted_by": "gone"}, "gone (not in the register today) → Odd"),
        ({"entrusted_by": "odd2"}, "(a ring: the register contradicts itself)"),
        ({"storage_countries": ("DE", "unknown")}, "kept by a contractor"),
        ({"access_mode": "own-systems"}, "not known"),
        ({"services": (), "data_classes": ()}, "service not stated: may be any"),
        ({"principals": ("nobody-*",)}, "none in the logs that were read"),
        ({"principals": ()}, "no identity in the register to look for"),
    ],
)
def test_contractors_are_shown_as_the_register_has_them(fields: dict[str, Any], said: str) -> None:
    rows = inventory()
    rows.add(worlds.contractor("odd", **fields), worlds.contractor("odd2", entrusted_by="odd", principals=("odd2-*",)))
    assert said in Page(page(scores(rows))).words


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"verdict": "country", "countries": ("CN", "HK")}, "one of China 中国 CN, Hong Kong 香港 HK"),
        ({"verdict": "private", "countries": (), "reason": "10.0.0.0/8"}, "private: 10.0.0.0/8"),
        ({"verdict": "unknown", "countries": ("ZZ",), "reason": "not in the data"}, "ZZ (not in the data)"),
    ],
)
def test_addresses_without_one_country_say_so(changes: dict[str, Any], said: str) -> None:
    rows = inventory()
    rows.add(dataclasses.replace(worlds.access("h-9", "CN"), **changes))
    assert said in Page(page(scores(rows))).words


def test_a_store_without_a_place_lies_in_no_known_country() -> None:
    rows = worlds.rows(worlds.store("v"), worlds.key("v"))
    found = score(worlds.inputs(rows, worlds.holdings(["v"], chat_communication__content="yes")))
    assert "ZZ 1 0 place not reported 1 / 0" in Page(page(found)).words


def test_a_stale_law_is_marked() -> None:
    import datetime as dt

    shown = Page(page(scores(as_of=dt.date(2030, 1, 1)))).words
    assert "past its review day 2027-10-02, so it counts as less certain" in shown
    assert "quasar reviewed 2026-10-02 past its review day" in shown


def test_a_large_inventory_stays_a_page_a_browser_opens() -> None:
    found = scores()
    source = found.cells
    codes = [f"{a}{b}" for a in "ABCDEFGHIJKLMNOPQRST" for b in "ABCDEFGHIJKLM"][:250]
    cells = []
    for number, code in enumerate(codes):
        for step in range(80):
            cell = source[(number + step) % len(source)]
            label = leaf("row", f"{code} {step} " + "x" * 60, Interval(0.01, (step + 2) / 100), call="ListVolumes")
            stores, steps = witness(cell.trace)
            way = combine("product", "path", [label, *steps])
            best = combine(
                "max",
                "best path",
                [combine("product", f"store-{step}-" + "n" * 900, [stores.children[0], combine("max", "A", [way])])],
            )
            trace = combine("product", "cell", [best])
            cells.append(dataclasses.replace(cell, jurisdiction=code, trace=trace, seen_trace=trace))
    big = Scores(tuple(cells), found.world, found.inputs)
    assert len(cells) == 20_000
    shown = page(big)
    assert len(shown.encode()) < 5_000_000
    assert f"of {len(cells):,} exposures" in Page(shown).words


def test_the_shapes_know_every_drawn_code() -> None:
    world = geography()
    assert {"JP", "CN", "US", "SG", "HK", "MO", "BH", "MT", "TW", "KR"} <= world.codes
    assert {"SG", "HK", "MO", "BH", "MT"} <= set(world.markers)
    assert all(re.fullmatch(r"(M-?\d+,-?\d+l[-0-9, ]+z)+", path) for path in world.shapes.values())
    assert all(0 <= x <= world.width and 0 <= y <= world.height for x, y in world.markers.values())


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")
@pytest.mark.parametrize(("fragment", "country"), [("", None), ("#q=quazonia", "QZ"), ("#country=DE&open=1", "DE")])
def test_in_a_browser(tmp_path: Path, fragment: str, country: str | None) -> None:
    file = tmp_path / "report.html"
    file.write_text(_evil(NASTY[0]), encoding="utf-8")
    assert CHROMIUM is not None
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--enable-logging=stderr",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=5000",
            "--dump-dom",
            file.as_uri() + fragment,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "CONSOLE" not in done.stderr
    shown = Page(done.stdout)
    rows = [tag for tag in shown.all("tr") if "data-n" in tag]
    visible = [row for row in rows if "hidden" not in row]
    assert rows
    assert f"{len(visible)} of {len(rows)} rows" in shown.words
    (form,) = shown.all("form")
    assert "hidden" not in form
    if country is None:
        assert len(visible) == len(rows)
    else:
        assert 0 < len(visible) < len(rows)
        assert country in {row["data-country"] for row in visible}
    if "open" in fragment:
        assert {row["data-country"] for row in visible} == {"DE"}
        assert [tag for tag in shown.all("tr") if tag.get("class") == "detail"]
        assert "computed as:" in shown.words
    assert not shown.all("img")
