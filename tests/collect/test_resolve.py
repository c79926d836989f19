"""What only the whole sweep can tell: targets, keys, and stores seen from several places."""

from __future__ import annotations

import random
from typing import Any

import pytest
from cloud import OWN, catalogue, key, label, placement, store
from hypothesis import given
from hypothesis import strategies as st

from residency.collect.resolve import resolve
from residency.inventory.tables import Rows

BUCKET, COPY = "arn:aws:s3:::bucket", "arn:aws:s3:::copy"
KEY = f"arn:aws:kms:us-east-1:{OWN}:key/k-1"
ALIAS = f"arn:aws:kms:us-east-1:{OWN}:alias/orders"


def rows(*items: Any) -> Rows:
    made = Rows()
    made.add(*items)
    return made


def done(*items: Any) -> Rows:
    return resolve(rows(*items), catalogue())


def test_target_takes_the_targets_own_place() -> None:
    found = done(
        store(BUCKET),
        store(COPY),
        placement(BUCKET, "us-east-1"),
        placement(BUCKET, "", role="replica", target=COPY),
        placement(COPY, "ap-northeast-1"),
        placement(COPY, "us-east-1", role="replica", target=BUCKET),
    )
    (replica,) = [row for row in found["placements"] if row.role == "replica" and row.store_id == BUCKET]
    assert (replica.location, replica.evidence) == ("ap-northeast-1", f"target {COPY}")
    assert found["gaps"] == []


@pytest.mark.parametrize(
    ("target", "others", "says"),
    [
        (COPY, [], "not in the sweep"),
        (COPY, [placement(COPY, "")], "own place is not known"),
        (BUCKET, [], "not in the sweep"),
        ("arn:aws:rds:xx-nowhere-9:1:db:x", [], "not in the sweep"),
    ],
)
def test_unresolved_target_stays_unknown_with_a_gap(target: str, others: list[Any], says: str) -> None:
    found = done(
        store(BUCKET), placement(BUCKET, "us-east-1"), placement(BUCKET, "", role="replica", target=target), *others
    )
    assert [row.location for row in found["placements"] if row.role == "replica"] == [""]
    (gap,) = found["gaps"]
    assert (gap.store_id, gap.field, gap.cause) == (BUCKET, "placement", "unresolved")
    assert says in gap.message


def test_a_target_in_several_places_gives_all_of_them() -> None:
    found = done(
        placement(COPY, "us-east-1"),
        placement(COPY, "eu-west-1"),
        placement(COPY, "us-west-2", role="backup"),
        placement(BUCKET, "us-east-1"),
        placement(BUCKET, "", role="replica", target=COPY),
    )
    copies = {(row.role, row.location) for row in found["placements"] if row.store_id == BUCKET}
    assert copies == {("primary", "us-east-1"), ("replica", "us-east-1"), ("replica", "eu-west-1")}
    assert not found["gaps"]


def test_a_target_outside_the_sweep_whose_name_says_where_it_lies() -> None:
    target = "arn:aws:backup:eu-west-1:999988887777:backup-vault:far"
    found = done(placement(BUCKET, "", role="backup", target=target))
    assert [(row.location, row.evidence) for row in found["placements"]] == [("eu-west-1", f"region of {target}")]


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("jdbc:redshift://sales.abc123.eu-west-1.redshift.amazonaws.com:5439/dev", "eu-west-1"),
        ("https://abc123.eu-west-1.aoss.amazonaws.com", "eu-west-1"),
        ("https://abc123.lambda-url.eu-west-1.on.aws/", "eu-west-1"),
        ("https://us-east-1.s3.eu-west-1.amazonaws.com/us-east-1", "eu-west-1"),  # the bucket's name says nothing
        ("user@db.abc123.eu-west-1.rds.amazonaws.com", "eu-west-1"),
        ("db.abc123.cn-north-1.rds.amazonaws.com.cn", ""),  # of another partition
        ("https://eu-west-1.example.com", ""),  # anybody may call a host that
        ("https://example.com/eu-west-1.amazonaws.com", ""),
        ("https://s3.amazonaws.com/eu-west-1", ""),
        ("https://eu-west-1.s3.amazonaws.com/x", ""),  # a bucket of that name
        ("https://logs.eu-west-1.s3.amazonaws.com/x", ""),
        ("https://eu-west-1.s3-accelerate.amazonaws.com/x", ""),
        ("https://logs.s3.dualstack.eu-west-1.amazonaws.com/x", "eu-west-1"),
        ("https://x.xx-nowhere-9.amazonaws.com", ""),
    ],
)
def test_a_target_outside_the_sweep_whose_address_says_where_it_lies(address: str, place: str) -> None:
    found = done(placement(BUCKET, "", role="replica", target=address))
    assert [row.location for row in found["placements"]] == [place]
    assert bool(found["gaps"]) is (not place)


@pytest.mark.parametrize("name", [KEY, "k-1", ALIAS, "alias/orders"])
@pytest.mark.parametrize(("custody", "manager"), [("provider-managed", ""), ("external", "https://keys.example.jp")])
def test_key_of_the_sweep_says_who_holds_it(name: str, custody: str, manager: str) -> None:
    queue = f"arn:aws:sqs:us-east-1:{OWN}:q"
    found = done(
        store(queue),
        key(queue, "customer-managed", key_id=name),
        store(KEY, name="alias/orders"),
        placement(KEY, "us-east-1"),
        key(KEY, custody, key_id=KEY, manager=manager),
    )
    (row,) = [item for item in found["keys"] if item.store_id == queue]
    assert (row.custody, row.key_id, row.key_location, row.key_account, row.manager) == (
        custody,
        KEY,
        "us-east-1",
        OWN,
        manager,
    )
    assert found["gaps"] == []


@pytest.mark.parametrize("name", ["alias/aws/s3", f"arn:aws:kms:us-east-1:{OWN}:alias/aws/sqs", "alias/aws-managed/x"])
def test_aws_managed_alias_is_the_providers(name: str) -> None:
    found = done(key(BUCKET, "customer-managed", key_id=name))
    assert [row.custody for row in found["keys"]] == ["provider-managed"]
    assert found["gaps"] == []


@pytest.mark.parametrize("name", [KEY, "arn:aws:kms:eu-west-1:999988887777:key/x", "alias/mine", "auto"])
def test_key_outside_the_sweep_is_kept_and_noted(name: str) -> None:
    found = done(key(BUCKET, "customer-managed", key_id=name))
    (row,) = found["keys"]
    assert row.custody == "customer-managed"
    assert "not in the sweep" in row.evidence
    if name.startswith("arn:"):
        assert (row.key_account, row.key_location) == (name.split(":")[4], name.split(":")[3])
    assert [(gap.field, gap.cause) for gap in found["gaps"]] == [("key", "unresolved")]


def test_key_whose_holder_is_not_known_is_a_gap() -> None:
    found = done(key(BUCKET, "customer-managed", key_id=KEY), store(KEY), key(KEY, "unknown"))
    assert [(gap.store_id, gap.cause) for gap in found["gaps"]] == [(BUCKET, "unresolved")]
    assert "who holds it is not known" in found["gaps"][0].message


def test_store_seen_from_two_regions_is_one() -> None:
    secret = f"arn:aws:secretsmanager:us-east-1:{OWN}:secret:s"
    found = done(
        *[
            item
            for region in ("eu-west-1", "us-east-1")
            for item in (
                store(secret, region=region),
                placement(secret, "us-east-1", region=region),
                placement(secret, "eu-west-1", role="replica", region=region),
                key(secret, "provider-managed", region=region),
                label(secret, region=region),
            )
        ]
    )
    assert [row.region for row in found["stores"]] == ["us-east-1"]
    assert {(row.role, row.location) for row in found["placements"]} == {
        ("primary", "us-east-1"),
        ("replica", "eu-west-1"),
    }
    assert len(found["placements"]) == 2
    assert (len(found["keys"]), len(found["labels"])) == (1, 1)


IDS = st.sampled_from([BUCKET, COPY, KEY, f"arn:aws:s3:::{'x' * 9}"])
ITEMS = st.one_of(
    st.builds(store, IDS, region=st.sampled_from(["us-east-1", "eu-west-1"])),
    st.builds(
        placement,
        IDS,
        st.sampled_from(["", "us-east-1", "eu-west-1"]),
        role=st.sampled_from(["primary", "replica", "backup"]),
        target=st.sampled_from(["", BUCKET, COPY]),
        region=st.sampled_from(["us-east-1", "eu-west-1"]),
    ),
    st.builds(
        key, IDS, st.sampled_from(["customer-managed", "unknown", "external"]), key_id=st.sampled_from(["", KEY])
    ),
)


@given(st.lists(ITEMS, max_size=12), st.randoms(use_true_random=False))
def test_order_does_not_matter_and_nothing_is_lost(items: list[Any], chance: random.Random) -> None:
    shuffled = list(items)
    chance.shuffle(shuffled)
    first, second = done(*items).sorted(), done(*shuffled).sorted()
    assert first.tables == second.tables
    for table in ("stores", "placements", "keys"):
        assert {row.store_id for row in first[table]} == {row.store_id for row in rows(*items)[table]}
    assert len({row.store_id for row in first["stores"]}) == len(first["stores"])


@given(st.lists(ITEMS, max_size=12))
def test_what_has_no_place_has_a_gap_or_had_none_to_find(items: list[Any]) -> None:
    found = done(*items)
    gaps = {gap.store_id for gap in found["gaps"] if gap.field == "placement"}
    for row in found["placements"]:
        assert row.location or not row.target or row.store_id in gaps
