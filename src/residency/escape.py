"""Escaping for each place a hostile name can reach: Markdown, HTML, CSV cells, terminals."""

from __future__ import annotations

import html
import re
import unicodedata

__all__ = ["csv_cell", "html_text", "markdown", "terminal"]

_FORMULA = frozenset("=+-@＝＋－＠")  # spreadsheets in Japanese also evaluate the wide forms
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~$])")
_URLISH = re.compile(r"(?i)(https?|ftp|javascript|data|vbscript|file|mailto|xmpp):")


def plain(text: str) -> str:
    """One line without control, bidirectional-override or private-use characters; each becomes U+FFFD."""
    kept = []
    for character in text:
        if character in "\r\n\t\v\f\x85\u2028\u2029":
            kept.append(" ")
        elif unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn"}:
            kept.append("\ufffd")
        else:
            kept.append(character)
    return "".join(kept)


def markdown(text: str) -> str:
    """Text that Markdown and the HTML made of it show as it is: no markup, table pipe, tag or automatic link."""
    shown = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = _MARKDOWN.sub(r"\\\1", shown)
    shown = _URLISH.sub(lambda match: match.group(0)[:-1] + "&#58;", shown).replace("@", "&#64;")
    shown = re.sub(r"(?i)\bwww\.", lambda match: match.group(0)[:-1] + "&#46;", shown)
    return re.sub(r"^(\s*\d*)([-=.])", r"\1\\\2", shown)


def html_text(text: str) -> str:
    """Text for HTML content and quoted attributes."""
    return html.escape(plain(text), quote=True)


def csv_cell(text: str) -> str:
    """A cell no spreadsheet evaluates: a leading ``= + - @`` or control character gets an apostrophe."""
    line = plain(text)
    return f"'{line}" if line[:1] in _FORMULA else line


def terminal(text: str) -> str:
    """Text without escape sequences, for terminals."""
    return plain(text)
