"""What a record says becomes rows, and what stands there in another form is not known."""

from __future__ import annotations

from typing import Any

import pytest
from cloud import WHEN

from residency.collect.grants import Scope
from residency.collect.mapping import Asked, Record, map_record
from residency.collect.spec import Kind

KIND: dict[str, Any] = {
    "holds": "models",
    "list": {"service": "x", "operation": "ListX", "items": "X[]", "iam": ["x:ListX"]},
    "id": "name",
    "placements": [{"role": "primary", "location": "place"}],
    "key": [
        {"custody": "customer-managed", "id": "encryption.key.name || other.name"},
        {"custody": "provider-managed"},
    ],
}
ASKED = Asked("aws", "111122223333", "us-east-1", "aws.x.y", "aws", WHEN, Scope(), lambda _provider, _place: None)


@pytest.mark.parametrize(
    ("said", "custody", "key"),
    [
        ({}, "provider-managed", ""),
        ({"encryption": None}, "provider-managed", ""),
        ({"encryption": {}}, "provider-managed", ""),
        ({"encryption": {"key": {"name": "k"}}}, "customer-managed", "k"),
        ({"other": {"name": "k"}}, "customer-managed", "k"),
        ({"encryption": "projects/p/keys/k"}, "unknown", ""),
        ({"encryption": {"key": "k"}}, "unknown", ""),
        ({"encryption": ""}, "provider-managed", ""),
    ],
)
def test_a_key_in_another_form_is_not_the_providers(said: dict[str, Any], custody: str, key: str) -> None:
    record = Record({"name": "a", "place": "us-east-1", **said}, "x:ListX")
    (row,) = map_record(Kind.model_validate(KIND), record, ASKED)["keys"]
    assert (row.custody, row.key_id) == (custody, key)
