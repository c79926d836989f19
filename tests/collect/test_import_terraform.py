"""Terraform: every mapped type from a state and from ``show -json``; nothing that is sensitive comes in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from foreign import cases, expected, labels, messages, run, said, types, write
from state import attributes, resource, shown, state

from residency.errors import InputError

STATE = cases("terraform")


def test_every_mapped_type_has_a_case() -> None:
    assert {name for source, name in types() if source == "terraform"} == set(STATE)
    assert {types()["terraform", name].provider for name in STATE} == {"aws", "gcp", "azure"}


@pytest.mark.parametrize("name", sorted(STATE))
def test_a_type_becomes_its_store_with_its_places_and_gaps(tmp_path: Path, name: str) -> None:
    row = attributes(name, STATE[name]["row"])
    found = []
    for content in (state(resource(name, row)), shown(("null_resource", {}), (name, row))):
        rows = run(write(tmp_path / "s.json", content))
        kind = types()["terraform", name].kind
        assert said(rows, kind) == expected(STATE[name])
        assert labels(rows) == {("team", "web")}
        assert rows["stores"][0].call == f"Terraform state {name}"
        assert any("what was applied, not what is there now" in text for text in messages(rows, "scope"))
        assert "hunter2" not in repr(rows)
        found.append(rows["stores"])
    assert found[0] == found[1]


@pytest.mark.parametrize("name", sorted(STATE))
def test_a_state_of_a_provider_that_lacks_every_column_claims_nothing(tmp_path: Path, name: str) -> None:
    """An older provider, or a data source that reads less: identifiers alone."""
    names = (
        "arn id name bucket region project db_snapshot_arn db_cluster_snapshot_arn location cluster_identifier "
        "domain_name dataset_id table_id url zone key_ring instance cluster_id owner_id global_cluster_members"
    )
    known = set(names.split())
    row = {key: value for key, value in attributes(name, STATE[name]["row"]).items() if key in known}
    rows = run(write(tmp_path / "s.tfstate", state(resource(name, row))))
    assert rows["stores"] or "identifier" in " ".join(messages(rows, "listing"))
    assert {key.custody for key in rows["keys"]} <= {"unknown", "provider-managed", "customer-managed"}
    default = {field.path[0] for field in types()["terraform", name].fields}
    if not {"KmsKeyId", "Encrypted"}.isdisjoint(default) and rows["keys"]:
        assert rows["keys"][0].custody == "unknown"


def test_one_state_may_hold_all_three_clouds(tmp_path: Path) -> None:
    names = ("aws_s3_bucket", "google_storage_bucket", "azurerm_storage_account")
    rows = run(write(tmp_path / "s", state(*(resource(n, attributes(n, STATE[n]["row"])) for n in names))), account="a")
    assert {row.kind for row in rows["stores"]} == {"aws.s3.bucket", "gcp.storage.bucket", "azure.storage.account"}
    for text in ("not what is there now", "was not asked"):
        assert {row.provider for row in rows["gaps"] if text in row.message} == {"aws", "gcp", "azure"}
    assert [row.account for row in rows["stores"] if row.kind == "aws.s3.bucket"] == ["a"]
    assert len(rows["sweeps"]) == 1


def test_what_is_marked_sensitive_is_not_looked_at(tmp_path: Path) -> None:
    name = "aws_ebs_volume"
    row = {**attributes(name, STATE[name]["row"]), "kms_key_id": "secret-key", "tags_all": {"s": "secret-tag"}}
    marks = [[{"type": "get_attr", "value": "kms_key_id"}], [{"type": "get_attr", "value": "tags_all"},
              {"type": "index", "value": {"value": "s", "type": "string"}}]]  # fmt: skip
    for content in (
        state(resource(name, row, sensitive_attributes=marks)),
        shown((name, row), kms_key_id=True, tags_all={"s": True}, encrypted=False, block=[{"x": False}]),
    ):
        rows = run(write(tmp_path / "s.json", content))
        assert "secret-" not in repr(rows)
        assert said(rows, "aws.ec2.volume")["custody"] == "unknown"
        assert said(rows, "aws.ec2.volume")["gaps"] == ["key"]


def test_a_mark_that_cannot_be_read_hides_the_whole_instance(tmp_path: Path) -> None:
    row = attributes("aws_ebs_volume", STATE["aws_ebs_volume"]["row"])
    rows = run(write(tmp_path / "s.tfstate", state(resource("aws_ebs_volume", row, sensitive_attributes=[[]]))))
    assert not rows["stores"]
    assert any("no readable identifier" in text for text in messages(rows, "listing"))


def test_every_instance_counts_and_reading_and_deposed_ones_too(tmp_path: Path) -> None:
    base = attributes("aws_sns_topic", STATE["aws_sns_topic"]["row"])
    one = resource("aws_sns_topic", base)
    one["instances"].append({"index_key": 1, "deposed": "d", "attributes": {**base, "arn": base["arn"] + "2"}})
    two = {**resource("aws_sns_topic", {**base, "arn": base["arn"] + "3"}), "mode": "data", "module": "module.a"}
    assert len(run(write(tmp_path / "s.tfstate", state(one, two)))["stores"]) == 3


def test_resources_of_no_kind_are_counted_by_cloud(tmp_path: Path) -> None:
    others = [resource("aws_iam_role", {"arn": "x"}), resource("google_project", {}), resource("azurerm_subnet", {}),
              resource("random_password", {"result": "hunter2"})]  # fmt: skip
    rows = run(write(tmp_path / "s.tfstate", state(*others)))
    found = {(row.provider, row.message) for row in rows["gaps"] if "of no kind" in row.message}
    assert found == {
        ("aws", "1 of type aws_iam_role are of no kind"),
        ("gcp", "1 of type google_project are of no kind"),
        ("azure", "1 of type azurerm_subnet are of no kind"),
        ("", "1 of type random_password are of no kind"),
    }
    assert "hunter2" not in repr(rows)


@pytest.mark.parametrize(
    ("instance", "text"),
    [
        ({"attributes_flat": {"id": "hunter2"}}, "an instance of aws_sns_topic has no attributes that can be read"),
        ({"attributes": ["hunter2"]}, "an instance of aws_sns_topic has no attributes that can be read"),
    ],
)
def test_an_instance_in_an_old_form_is_a_gap_without_its_content(
    tmp_path: Path, instance: dict[str, Any], text: str
) -> None:
    good = resource("aws_sns_topic", attributes("aws_sns_topic", STATE["aws_sns_topic"]["row"]))
    bad = {**resource("aws_sns_topic", {}), "instances": [instance]}
    file = write(tmp_path / "s.tfstate", state(good, bad))
    rows = run(file)
    assert f"{file}:1: {text}" in messages(rows, "listing")
    assert len(rows["stores"]) == 1
    assert "hunter2" not in repr(rows)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('{"version": 3, "serial": 1, "lineage": "x", "modules": []}', "a state of version 3"),
        ('{"version": 3, "serial": 1, "resources": [{}]}', "a state of version 3"),
        ('{"something": 1}', "not a Terraform state"),
        ("a,b\n1,2\n", "a Terraform state is JSON"),
        (
            '{"version": 4, "resources": [{"type": "aws_db_instance", "password": "hunter2" oops',
            "s.tfstate:1: not JSON",
        ),
        ('{"version": 4, "resources": ["hunter2"]}', "a resource is not an object"),
        (
            '{"format_version": "1.0", "values": {"root_module": {"resources": ["hunter2"]}}}',
            "no values that can be read",
        ),
    ],
)
def test_a_file_that_is_no_state_is_one_line_without_its_content(tmp_path: Path, content: str, text: str) -> None:
    with pytest.raises(InputError, match=text) as error:
        run(write(tmp_path / "s.tfstate", content), form="terraform")
    assert "hunter2" not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_state_that_breaks_off_keeps_what_was_read(tmp_path: Path) -> None:
    row = attributes("aws_sns_topic", STATE["aws_sns_topic"]["row"])
    text = json.dumps(state(resource("aws_sns_topic", row), resource("aws_sns_topic", row)), indent=1)
    file = write(tmp_path / "s.tfstate", text[: text.rindex('"instances"')])
    rows = run(file)
    assert len(rows["stores"]) == 1
    assert any("the rest of the file was not read" in text for text in messages(rows, "listing"))


def test_an_empty_state_is_read(tmp_path: Path) -> None:
    rows = run(write(tmp_path / "s.tfstate", state()))
    assert not rows["stores"]
    assert run(write(tmp_path / "t.json", {"format_version": "1.0", "terraform_version": "1.9.0", "values": {}}))


def test_modules_nested_beyond_reason_are_a_problem(tmp_path: Path) -> None:
    module: dict[str, Any] = {"resources": []}
    for _ in range(250):
        module = {"child_modules": [module]}
    with pytest.raises(InputError, match="nested too deeply"):
        run(write(tmp_path / "t.json", {"format_version": "1.0", "values": {"root_module": module}}), form="terraform")
