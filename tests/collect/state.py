"""States as Terraform writes them, for the tests: every column of a type is there, null where it is not given."""

from __future__ import annotations

from typing import Any

from foreign import types

from residency.collect.imports.paths import chains
from residency.collect.imports.spec import ForeignType

COMMON: dict[str, dict[str, Any]] = {
    "aws": {"region": "ap-northeast-1", "tags_all": {"team": "web"}, "tags": {}},
    "gcp": {"project": "p-1", "effective_labels": {"team": "web"}, "labels": {}},
    "azure": {"tags": {"team": "web"}},
}


def columns(foreign: ForeignType) -> set[str]:
    """Every column a type reads."""
    texts = [foreign.account, foreign.region, foreign.tags, *foreign.answered.values()]
    for field in foreign.fields:
        texts += [field.text, *filter(None, [field.doubted])]
    return {chain[0] for text in texts for chain in chains(text)}


def attributes(name: str, row: dict[str, Any]) -> dict[str, Any]:
    foreign = types()["terraform", name]
    return {**dict.fromkeys(columns(foreign)), **COMMON[foreign.provider], **row}


def resource(name: str, row: dict[str, Any], **more: Any) -> dict[str, Any]:
    instance = {"schema_version": 0, "attributes": row, "sensitive_attributes": [], **more}
    return {"mode": "managed", "type": name, "name": "it", "provider": 'provider["x"]', "instances": [instance]}


def state(*resources: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": 4,
        "terraform_version": "1.9.0",
        "serial": 1,
        "lineage": "l",
        "outputs": {"db": {"value": "hunter2", "type": "string", "sensitive": True}},
        "resources": list(resources),
        "check_results": None,
    }


def shown(*resources: tuple[str, dict[str, Any]], **marks: Any) -> dict[str, Any]:
    items = [{"address": f"{name}.it", "mode": "managed", "type": name, "name": "it", "values": row,
              "sensitive_values": marks} for name, row in resources]  # fmt: skip
    module = {"address": "module.a", "resources": items[1:]}
    return {
        "format_version": "1.0",
        "terraform_version": "1.9.0",
        "values": {"outputs": {}, "root_module": {"resources": items[:1], "child_modules": [module]}},
    }
