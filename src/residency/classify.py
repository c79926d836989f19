"""Which dataset a store holds, with the evidence. What no rule decides stays unknown: it may hold any dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from residency.config import Config, Rule
from residency.inventory.tables import Label, Store

__all__ = ["Held", "Holding", "classify"]

Held = Literal["yes", "no", "unknown"]


@dataclass(frozen=True, slots=True, order=True)
class Holding:
    """Whether a store holds a dataset (``service/class``), by which rule, on what evidence."""

    store_id: str
    dataset: str
    held: Held
    evidence: str


def classify(
    stores: Iterable[Store],
    labels: Iterable[Label],
    config: Config,
    content: Mapping[str, str],
) -> list[Holding]:
    """Decide every store against every declared dataset.

    Parameters
    ----------
    content
        Content word (``data``, ``control``, ``flow``) by kind; a kind that is not listed counts as ``data``.

    Returns
    -------
    list of Holding
        One for each (store, dataset), in order of store then dataset.

    Notes
    -----
    Order of precedence: rules that name the store, tags that name service or class, other rules in file order.
    A rule that names a service but no class leaves the service's classes unknown and denies the other services.
    """
    tags: dict[str, dict[str, str]] = {}
    for label in labels:
        tags.setdefault(label.store_id, {})[label.key] = label.value
    declared = [dataset.id for dataset in config.datasets()]
    kept: dict[tuple[str, ...], tuple[tuple[str, Held, str], ...]] = {}
    result: list[Holding] = []
    for store in sorted(stores, key=lambda item: item.store_id):
        own = tags.get(store.store_id, {})
        rule, evidence = _rule_for(store, own, config)
        word = content.get(store.kind, "data")
        key = (repr(rule), evidence, word)
        if key not in kept:
            kept[key] = tuple((dataset, *_decide(dataset, rule, evidence, word)) for dataset in declared)
        result.extend(Holding(store.store_id, dataset, held, why) for dataset, held, why in kept[key])
    return result


def _rule_for(store: Store, tags: Mapping[str, str], config: Config) -> tuple[Rule | None, str]:
    rules = config.classification.rules
    for number, rule in enumerate(rules):
        if rule.match.store and _matches(rule, store, tags):
            return rule, f"classification.rules[{number}] names the store"
    tagged = _from_tags(tags, config)
    if tagged is not None:
        return tagged
    for number, rule in enumerate(rules):
        if not rule.match.store and _matches(rule, store, tags):
            said = ", ".join(f"{k} {v}" for k, v in rule.match.model_dump(exclude_defaults=True).items())
            return rule, f"classification.rules[{number}]: {said}"
    return None, "no rule decides"


def _from_tags(tags: Mapping[str, str], config: Config) -> tuple[Rule, str] | None:
    settings = config.classification
    services = {service.id for service in config.services}
    classes = {dataset.data_class for dataset in config.datasets()}
    service = _tagged(tags, settings.service_tags, services)
    found = _tagged(tags, settings.class_tags, classes)
    if service is None and found is None:
        return None
    said = " and ".join(f"tag {key}={value}" for key, value in (service, found) if key) if service and found else ""
    key, value = service or found or ("", "")
    if service and found and f"{service[1]}/{found[1]}" not in {dataset.id for dataset in config.datasets()}:
        found = None  # a class the service does not declare says nothing of those it does
    rule = Rule.model_construct(
        service=service[1] if service else None, classes=[found[1]] if found else [], holds="data", reason=None
    )
    return rule, said or f"tag {key}={value}"


def _tagged(tags: Mapping[str, str], names: Sequence[str], allowed: set[str]) -> tuple[str, str] | None:
    """The first tag whose value is an allowed word; clouds that forbid dots or capitals are met half way."""
    spelled = {_folded(word): word for word in sorted(allowed)}
    for name in names:
        if name in tags and _folded(tags[name]) in spelled:
            return name, spelled[_folded(tags[name])]
    return None


def _folded(word: str) -> str:
    return word.lower().replace("-", ".").replace("_", ".")


def _matches(rule: Rule, store: Store, tags: Mapping[str, str]) -> bool:
    match = rule.match
    pairs = (
        (match.store, store.store_id),
        (match.name, store.name),
        (match.kind, store.kind),
        (match.provider, store.provider),
        (match.account, store.account),
    )
    return all(pattern is None or fnmatchcase(value, pattern) for pattern, value in pairs) and all(
        key in tags and fnmatchcase(tags[key], pattern) for key, pattern in match.tag.items()
    )


def _decide(dataset: str, rule: Rule | None, evidence: str, content: str) -> tuple[Held, str]:
    service, data_class = dataset.split("/", 1)
    if rule is not None and rule.holds == "nothing":
        return "no", f"{evidence}: {rule.reason}"
    if rule is None:
        if content == "control" and data_class != "facility":
            return "no", "the kind keeps keys, credentials or settings, not user content"
        return "unknown", evidence
    if rule.service is not None and rule.service != service:
        return "no", evidence
    if rule.classes:
        if data_class not in rule.classes:
            return "no", evidence
        return ("yes" if rule.service else "unknown"), evidence
    return "unknown", f"{evidence}: service known, class not"
