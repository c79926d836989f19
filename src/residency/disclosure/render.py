"""Policy tables as Markdown in Japanese and English, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from residency import escape
from residency.disclosure.markers import begin_marker, end_marker
from residency.disclosure.tables import AXES, Axis, Policy
from residency.graph import Inputs
from residency.yamlfile import StrictModel, load_model

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["LANGUAGES", "Language", "render_blocks", "render_json", "render_policy"]

Language = Literal["ja", "en"]
LANGUAGES: tuple[Language, ...] = ("ja", "en")
_FORMS = Path(__file__).with_name("forms")


class _Words(StrictModel):
    ja: dict[str, str]
    en: dict[str, str]


@lru_cache(maxsize=1)
def _words() -> _Words:
    words, _, faults = load_model(_Words, _FORMS / "words.yaml", "disclosure/forms/words.yaml")
    if words is None:
        from residency.errors import FaultsError

        raise FaultsError(faults)
    return words


def render_blocks(policy: Policy, inputs: Inputs, language: Language) -> dict[Axis, str]:
    """Markdown of each axis, ready to stand between markers; ends with a line break."""
    template = _environment(inputs, language).get_template(f"blocks.{language}.md.j2")
    return {axis: template.render(block=policy.block(axis)).strip() + "\n" for axis in AXES}


def render_policy(policy: Policy, inputs: Inputs, language: Language) -> str:
    """The whole document in one language, with markers around each axis."""
    template = _environment(inputs, language).get_template(f"policy.{language}.md.j2")
    text = template.render(
        organisation=getattr(inputs.config.organisation.name, language),
        as_of=policy.as_of.isoformat(),
        gaps=policy.gaps,
        blocks=render_blocks(policy, inputs, language),
        begin=lambda axis: begin_marker(axis, language),
        end=lambda axis: end_marker(axis),
    )
    return str(text).strip() + "\n"


def render_json(policy: Policy) -> str:
    """The tables as JSON, keys sorted, so that the same day gives the same bytes."""
    return json.dumps(policy.to_dict(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def country_namer(inputs: Inputs, language: Language) -> Callable[[str], str]:
    """Common names: the law catalogue's, else the ISO list's, else the code."""
    from residency.countries import country_names

    words: Mapping[str, str] = getattr(_words(), language)
    iso = country_names(language)

    def name(code: str) -> str:
        if code in inputs.jurisdictions:
            return inputs.jurisdictions.name(code, language)
        return words.get(code) or iso.get(code) or inputs.jurisdictions.name(code, language)

    return name


def _environment(inputs: Inputs, language: Language) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # Markdown, not HTML: every value passes the md filter instead of HTML escaping
    environment = Environment(
        loader=FileSystemLoader(_FORMS), undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
    )
    words: Mapping[str, str] = getattr(_words(), language)
    services = {service.id: getattr(service.name, language) for service in inputs.config.services}
    measures = {code: getattr(text, language) for code, text in inputs.config.measures.items()}
    joint = "、" if language == "ja" else ", "
    name = country_namer(inputs, language)
    environment.filters.update(
        md=escape.markdown,
        url=_url,
        country=lambda code: escape.markdown(name(code)),
        service=lambda ids: escape.markdown(joint.join(services.get(item, item) for item in ids)),
        roles=lambda roles: escape.markdown(joint.join(dict.fromkeys(words.get(item, item) for item in roles))),
        measures=lambda code: escape.markdown(measures.get(code) or words["no-measures"]),
    )
    return environment


def _url(link: str) -> str:
    """A link target that cannot end its parentheses or hold a scheme but http(s)."""
    if not link.startswith(("https://", "http://")):
        return ""
    return link.replace("(", "%28").replace(")", "%29").replace(" ", "%20").replace("<", "%3C").replace("|", "%7C")
