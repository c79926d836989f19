"""The text of the policy: committed, read by eye, and inert whatever names it carries."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from markdown_it import MarkdownIt
from policy_worlds import at_home
from worlds import CONFIG, HERE, contractor, gap, holdings, placement, store

from residency import escape
from residency.disclosure.markers import find_blocks, inject
from residency.disclosure.render import LANGUAGES, Language, render_blocks, render_policy
from residency.disclosure.tables import policy
from residency.graph import Inputs

SNAPSHOTS = HERE / "snapshots"
NASTY = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    "a | b | c",
    "line\nbreak\r\n# heading",
    "<!-- residency:end contractors -->",
    "`code` **bold** _it_ ~~gone~~ $x^2$",
    "&lt;b&gt; &amp; &#60;i&#62;",
    "https://evil.example www.evil.example me@evil.example",
    "1. item",
    "- item",
    "=====",
    "{{ 7 * 7 }} {% raw %}",
    "\u202egnp.exe\u200b\x1b[31m",
    "\\",
    "=cmd|' /C calc'!A0",
    "\"quoted\" 'quoted'",
]


def abroad() -> Inputs:
    """Something on every axis."""
    return at_home(
        store("far"),
        placement("far", "eu-berlin-1"),
        placement("far", "eu-paris-1", "backup"),
        store("lost"),
        placement("lost", "global"),
        contractor("maker", seat="QZ", staff_countries=("QZ", "unknown")),
        held=[
            *holdings(["box", "far"], chat_communication__content="yes"),
            *holdings(["lost"], shop_user__observed="unknown"),
        ],
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("name", "world"),
    [("abroad", abroad()), ("none", at_home()), ("gaps", at_home(gap("listing")))],
    ids=lambda item: str(item)[:6],
)
def test_text_is_as_committed(name: str, world: Inputs, language: Language) -> None:
    """To accept a new wording, read it and run with RESIDENCY_WRITE_SNAPSHOTS=1."""
    file = SNAPSHOTS / f"policy-{name}.{language}.md"
    text = render_policy(policy(world), world, language)
    if os.environ.get("RESIDENCY_WRITE_SNAPSHOTS"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def markdown() -> MarkdownIt:
    return MarkdownIt("gfm-like", {"html": True, "linkify": False}).disable("linkify")


def shown(html: str) -> str:
    import html as entities

    return entities.unescape(re.sub(r"<[^>]*>", "", html)).strip()


@pytest.mark.parametrize("name", NASTY)
def test_a_hostile_name_is_shown_as_it_is(name: str) -> None:
    """In a paragraph, in a table cell and in a list, Markdown shows the very text."""
    text = escape.markdown(name)
    plain = " ".join(escape.plain(name).split())
    for before, after in (("", ""), ("| a |\n|---|\n| ", " |"), ("- ", ""), ("# ", "")):
        html = markdown().render(f"{before}{text}{after}")
        assert set(re.findall(r"<(\w+)", html)) <= {"p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "h1"}
        assert " ".join(shown(html).removeprefix("a").split() if before.startswith("|") else shown(html).split()) in {
            plain,
            plain.removeprefix("a").strip(),
        }


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_names_in_every_field_stay_inert(name: str, language: Language) -> None:
    names = {"en": name, "ja": name}
    services = [{**service.model_dump(), "name": names} for service in CONFIG.services]
    organisation = {**CONFIG.organisation.model_dump(), "name": names}
    config = type(CONFIG).model_validate(
        {
            **CONFIG.model_dump(exclude={"method"}),
            "services": services,
            "organisation": organisation,
            "measures": {"QZ": names},
        }
    )
    item: dict[str, Any] = {"seat": "QZ", "staff_countries": (name,), "purpose": name, "source": name}
    party = contractor("maker", **item)
    world = at_home(store(name, provider=name), placement(name, name), party, config=config)
    text = render_policy(policy(world), world, language)
    html = markdown().render(text)
    tags = set(re.findall(r"<(\w+)", html))
    assert tags <= {
        "p",
        "h1",
        "h2",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "ul",
        "li",
        "strong",
        "a",
        "blockquote",
        "hr",
    }
    assert set(re.findall(r'href="([^"]*)"', html)) <= {"https://db-ip.com", "https://law.example/qz/2019/12"}
    assert not re.search(r"<[a-z][^>]*\son\w+=", html)
    blocks = find_blocks(text.encode(), "p.md")
    assert len(blocks) == 5
    expected = {(axis, language): block for axis, block in render_blocks(policy(world), world, language).items()}
    assert inject(text.encode(), expected, "p.md") == text.encode()


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", "＠x"])
def test_a_cell_is_never_a_formula(text: str) -> None:
    assert escape.csv_cell(text) == f"'{text}"
    assert escape.csv_cell(f"a{text}") == f"a{text}"


def test_terminals_and_html() -> None:
    assert escape.terminal("\x1b[31mred\x07\u202e") == "\ufffd[31mred\ufffd\ufffd"
    assert escape.html_text("<a href='x'>\n") == "&lt;a href=&#x27;x&#x27;&gt; "


def test_a_law_without_a_safe_link_has_none() -> None:
    from residency.disclosure.render import _url

    assert _url("javascript:alert(1)") == ""
    assert _url("https://x.example/a(b) <c>|d") == "https://x.example/a%28b%29%20%3Cc>%7Cd"
