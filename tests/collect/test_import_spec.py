"""Foreign types as data: every fault of every file at once, with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from cloud import WHEN, catalogue
from foreign import FOLDERS, every_kind, types, write

from residency.collect.imports.functions import look
from residency.collect.imports.paths import chains, is_selecting, negates_too_much, present
from residency.collect.imports.read import import_files
from residency.collect.imports.shape import tag_map
from residency.collect.imports.spec import load_foreign
from residency.data import DataFolders
from residency.errors import FaultsError

HEAD = """\
provider: aws
source: steampipe
read: https://example.com/
defaults: {account: account_id, region: region, tags: tags}
types:
"""
GOOD = "  aws_ebs_volume: {kind: aws.ec2.volume, same: [VolumeId, Encrypted]}\n"


def overlay(folder: Path, text: str, name: str = "providers/aws/imports-steampipe.yaml") -> DataFolders:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return DataFolders(FOLDERS.base, folder)


def faults(folders: DataFolders) -> list[str]:
    with pytest.raises(FaultsError) as error:
        load_foreign(folders, every_kind(), ["steampipe"])
    return [f"{fault.line}: {fault.message} [{fault.rule}]" for fault in error.value.faults]


def test_an_overlay_replaces_a_type_and_leaves_the_others(tmp_path: Path) -> None:
    found = load_foreign(overlay(tmp_path, HEAD + GOOD), every_kind(), ["steampipe"])
    assert {field.path for field in found["steampipe", "aws_ebs_volume"].fields} == {("VolumeId",), ("Encrypted",)}
    assert found["steampipe", "aws_s3_bucket"] == types()["steampipe", "aws_s3_bucket"]


def test_the_shipped_files_have_no_fault() -> None:
    assert len(types()) > 200


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("aws_x: {kind: aws.ec2.nothing}", "6: aws_x: there is no kind aws.ec2.nothing of aws [kind]"),
        ("aws_x: {kind: gcp.storage.bucket}", "6: aws_x: there is no kind gcp.storage.bucket of aws [kind]"),
        ("aws_x: {kind: aws.ec2.volume, same: [VolumeID]}", "6: aws_x: aws.ec2.volume does not read VolumeID [path]"),
        ("aws_x: {kind: aws.ec2.volume, record: {VolumeId: 'a['}}", "6: aws_x: not JMESPath: "),
        ("aws_x: {kind: aws.ec2.volume, record: {VolumeId: nope(a)}}", "6: aws_x: there is no function nope [path]"),
        ("aws_x: {kind: aws.ec2.volume, record: {VolumeId: a}, same: [VolumeId]}",
         "6: aws_x: VolumeId is given twice [path]"),
        ("aws_x: {kind: aws.ec2.volume, same: [VolumeId], unset: [KmsKeyId]}",
         "6: aws_x: KmsKeyId is unset, doubted or partial but not given [path]"),
        ("aws_x: {kind: aws.ec2.volume, same: [VolumeId], doubted: {VolumeId: '!a.b'}}",
         "6: aws_x: !a.b is read as (!a).b; write !(a.b) [path]"),
        ("aws_x: {kind: aws.ec2.volume, same: [VolumeId], partial: {KmsKeyId: a}}",
         "6: aws_x: KmsKeyId is unset, doubted or partial but not given [path]"),
        ("aws_x: {kind: aws.ec2.volume, record: {VolumeId: master_password}}",
         "6: aws_x: master_password may hold a secret and is never read [secret]"),
        ("aws_x: {kind: aws.ec2.volume, tags: primary_access_key}",
         "6: aws_x: primary_access_key may hold a secret and is never read [secret]"),
        ("aws_x: {kind: aws.ec2.volume, answered: {nothing: a}}", "6: aws_x: no call gives nothing [path]"),
        ("aws_x: {kind: aws.ec2.volume, colour: red}", "6: types.aws_x.colour: unknown key [schema]"),
        ("aws_x: {same: [VolumeId]}", "6: types.aws_x.kind: required key is missing [schema]"),
        ("aws_x: {kind: aws.ec2.volume, spelling: kebab}", "6: types.aws_x.spelling: "),
    ],
)  # fmt: skip
def test_a_fault_has_its_line(tmp_path: Path, entry: str, expected: str) -> None:
    found = faults(overlay(tmp_path, f"{HEAD}  {entry}\n"))
    assert len(found) == 1
    assert found[0].startswith(expected)


def test_all_faults_of_all_files_come_at_once(tmp_path: Path) -> None:
    folders = overlay(tmp_path, HEAD + GOOD + "  aws_x: {kind: aws.no.kind}\n")
    overlay(tmp_path, HEAD + GOOD, "providers/aws/imports-steampipe-more.yaml")
    overlay(tmp_path, HEAD + GOOD, "providers/gcp/imports-steampipe.yaml")
    overlay(tmp_path, HEAD.replace("account_id", "'a['"), "providers/azure/imports-steampipe.yaml")
    with pytest.raises(FaultsError) as error:
        load_foreign(folders, every_kind(), ["steampipe"])
    text = str(error.value)
    assert "there is no kind aws.no.kind" in text
    assert "aws_ebs_volume is defined in" in text
    assert "must say `provider: gcp` and `source: steampipe`" in text
    assert "azure/imports-steampipe.yaml" in text


def test_a_default_that_is_wrong_is_found_once(tmp_path: Path) -> None:
    assert faults(overlay(tmp_path, HEAD.replace("account_id", "nope(x)") + GOOD)) == [
        "4: defaults: there is no function nope [path]"
    ]


def test_a_file_that_is_no_yaml_is_a_fault(tmp_path: Path) -> None:
    assert "not YAML" in faults(overlay(tmp_path, "{"))[0]
    assert faults(overlay(tmp_path, "provider: aws\nsource: steampipe\n"))


def test_a_condition_says_which_rows_are_of_the_kind(tmp_path: Path) -> None:
    entry = "  aws_disk: {kind: aws.ec2.volume, record: {VolumeId: id}, when: \"type == 'ebs'\"}\n"
    folders = overlay(tmp_path / "data", HEAD + entry)
    rows = [{"id": "vol-1", "type": "ebs", "account_id": "1"}, {"id": "d-1", "type": "local", "account_id": "1"}]
    file = write(tmp_path / "aws_disk.json", rows)
    found = import_files([file], "steampipe", every_kind(), folders, catalogue(), seen_at=WHEN)[1]
    assert [row.name for row in found["stores"]] == ["vol-1"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a.b.c", {"a.b.c"}),
        ("a[0].b || c", {"a", "c"}),
        ("a.b[?x == 'y'].z", {"a.b"}),
        ("a[1:2].b", {"a"}),
        ("having(a, 'K', b)[0].c || d", {"a", "b", "d"}),
        ("a.[b, c][].d", {"a.b", "a.c"}),
        ("a.{x: b, y: c.d}", {"a.b", "a.c.d"}),
        ("a.b | [0].c", {"a.b"}),
        ("a | b", {"a.b"}),
        ("rules.*.x", {"rules"}),
        ("@", set()),
        ("sort_by(a, &b)", {"a"}),
        ("!(a.b) && c == `1`", {"a.b", "c"}),
        ("'x'", set()),
    ],
)
def test_what_an_expression_reads(text: str, found: set[str]) -> None:
    assert {".".join(chain) for chain in chains(text)} == found


def test_presence_is_about_names_and_a_null_is_said() -> None:
    row = {"a": {"b": None}, "c": None, "d": [1]}
    assert present(row, ("a", "b"))
    assert present(row, ("c", "x"))
    assert present(row, ("a", "x"), 1)
    assert not present(row, ("a", "x"))
    assert not present(row, ("d", "x"))
    assert not present(row, ("x",))


def test_expressions_that_answer_even_where_nothing_is() -> None:
    assert is_selecting("a == 'x'")
    assert is_selecting("{x: a}")
    assert not is_selecting("a.b || c")
    assert negates_too_much("!a.b")
    assert not negates_too_much("!(a.b) || c")


@pytest.mark.parametrize(
    ("text", "row", "value"),
    [
        ("parsed(x)", {"x": '{"a": [1]}'}, {"a": [1]}),
        ("parsed(x)", {"x": '"{\\"a\\": 1}"'}, {"a": 1}),
        ("parsed(x)", {"x": "{broken"}, "{broken"),
        ("parsed(x)", {"x": 3}, 3),
        ("word(x)", {"x": True}, "true"),
        ("word(x)", {"x": False}, "false"),
        ("word(x)", {"x": 7}, "7"),
        ("word(x)", {"x": "a"}, "a"),
        ("word(x)", {}, None),
        ("flag(x)", {"x": "T"}, True),
        ("flag(x)", {"x": "false"}, False),
        ("flag(x)", {"x": "perhaps"}, None),
        ("flag(x)", {"x": [1]}, None),
        ("some(x)", {"x": ""}, None),
        ("some(x)", {"x": []}, None),
        ("some(x)", {"x": False}, False),
        ("arn_part(x, 'region')", {"x": "arn:aws:sqs:eu-west-1:1:q"}, "eu-west-1"),
        ("split(x, '/')", {"x": 3}, None),
    ],
)
def test_functions(text: str, row: dict[str, object], value: object) -> None:
    assert look(text, row) == value


@pytest.mark.parametrize(
    ("given", "tags"),
    [
        ({"a": 1}, {"a": 1}),
        ([{"Key": "a", "Value": "b"}, {"key": "c", "value": None}], {"a": "b", "c": None}),
        ([{"value": "b"}], {}),
        (["a"], None),
        ("a=b", None),
        (None, None),
    ],
)
def test_tags_in_either_form(given: object, tags: object) -> None:
    assert tag_map(given) == tags
