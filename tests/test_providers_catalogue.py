"""The catalogue of providers as shipped: every name means a place, and the tricky names mean the right one."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from pathlib import Path

import botocore
import pytest
from pydantic import ValidationError

from residency.data import DataFolders
from residency.entities import owners_of
from residency.errors import FaultsError
from residency.providers import (
    UNBOUNDED,
    UNKNOWN,
    Metadata,
    Providers,
    Region,
    StaffAccess,
    load_providers,
)

ROOT = Path(__file__).resolve().parent.parent
SDK = Path(botocore.__file__).parent / "data"
TODAY = dt.date(2026, 11, 23)
EUROPEAN_UNION = "EU"
SOURCE = {"url": "https://made-up.example/", "confidence": "low"}


@pytest.fixture(scope="module")
def catalogue() -> Providers:
    return load_providers(DataFolders(ROOT))


def sdk_regions() -> Iterator[tuple[str, str]]:
    """(partition, region) of every region and pseudo-region the installed AWS SDK knows."""
    for partition in json.loads((SDK / "endpoints.json").read_text())["partitions"]:
        for region in partition["regions"]:
            yield partition["partition"], region
    for partition in json.loads((SDK / "partitions.json").read_text())["partitions"]:
        for region in partition["regions"]:
            yield partition["id"], region


def own_members(catalogue: Providers, region: Region) -> list[Region]:
    """The regions a dual- or multi-region is made of, of this or (``provider:region``) of another name space."""
    found = []
    for name in region.members:
        provider, _, plain = name.rpartition(":")
        member = catalogue.find(provider or region.provider, plain)
        assert member is not None, f"{region.provider} {region.region}: no member {name}"
        found.append(member)
    return found


def test_every_location_has_countries_and_is_found_by_its_own_name(catalogue: Providers) -> None:
    assert catalogue.regions
    for region in catalogue.regions:
        place = catalogue.locate(region.provider, region.region)
        assert place.known, region
        assert place.region == region.region
        assert place.countries == frozenset(region.countries) != frozenset(), region
        assert place.bounded == (UNBOUNDED not in region.countries)


def test_every_provider_has_locations_and_every_region_an_operator(catalogue: Providers) -> None:
    with_regions = {region.provider for region in catalogue.regions}
    assert with_regions == set(catalogue)
    for region in catalogue.regions:
        # A name over the places of several operators may have none of its own
        if region.operator is not None or region.kind == "region":
            assert region.operator in catalogue.entities, f"{region.provider} {region.region}: {region.operator}"


def test_review_is_not_overdue_when_written(catalogue: Providers) -> None:
    for provider in catalogue.values():
        assert provider.reviewed < provider.review_by, provider.id


def test_every_pair_exists_and_no_region_is_its_own_pair(catalogue: Providers) -> None:
    paired = [region for region in catalogue.regions if region.paired is not None]
    assert paired
    for region in paired:
        assert region.paired != region.region
        assert catalogue.locate(region.provider, region.paired).known, f"{region.region} -> {region.paired}"


def test_parents_and_members_exist_and_members_agree_on_the_countries(catalogue: Providers) -> None:
    for region in catalogue.regions:
        if region.parent is not None:
            assert catalogue.locate(region.provider, region.parent).known, f"{region.region} in {region.parent}"
        members = own_members(catalogue, region)
        countries = {country for member in members for country in member.countries}
        if not members or set(region.countries) & {UNBOUNDED, EUROPEAN_UNION} or UNBOUNDED in countries:
            continue
        assert countries <= set(region.countries), f"{region.provider} {region.region}: members lie in {countries}"


def test_unbounded_and_global_names_hold_some_not_all(catalogue: Providers) -> None:
    for region in catalogue.regions:
        if region.kind == "global":
            assert region.holds == "some", region
        if region.kind in {"local-zone", "wavelength-zone"}:
            assert region.parent is not None, region


def test_announced_regions_do_not_claim_to_be_open(catalogue: Providers) -> None:
    for region in catalogue.regions:
        if region.status == "announced":
            assert region.start is None or region.start > TODAY, region
        if region.end is not None and region.end <= TODAY:
            assert region.status == "closed", region


@pytest.mark.parametrize("partition", sorted({partition for partition, _ in sdk_regions()}))
def test_every_region_of_the_installed_sdk_is_in_the_catalogue(catalogue: Providers, partition: str) -> None:
    owners = [
        provider.id
        for provider in catalogue.values()
        if provider.partition == partition and provider.kind != "namespace"
    ]
    assert len(owners) == 1, f"partition {partition} of the installed SDK belongs to {owners or 'no provider'}"
    known = {region for key, region in sdk_regions() if key == partition}
    missing = sorted(region for region in known if not catalogue.locate(owners[0], region).known)
    assert not missing, f"{owners[0]} lacks {missing}"


def test_name_spaces_of_google_list_every_region_of_google(catalogue: Providers) -> None:
    regions = [
        region.region
        for region in catalogue.regions
        if region.provider == "gcp" and region.kind == "region" and region.status == "open"
    ]
    assert len(regions) >= 43
    spaces = [key for key, item in catalogue.items() if item.part_of == "gcp" and item.kind == "namespace"]
    assert len(spaces) == 6
    for space in spaces:
        for name in regions:
            here, there = catalogue.locate(space, name), catalogue.locate("gcp", name)
            assert here.known, f"{space} {name}"
            assert here.countries == there.countries, f"{space} {name}"


KNOWN = [
    # Amazon
    ("aws", "us-east-1", "US"),
    ("aws", "us-east-1a", "US"),
    ("aws", "ap-northeast-1", "JP"),
    ("aws", "ap-northeast-3", "JP"),
    ("aws", "ap-east-1", "HK"),
    ("aws", "eu-central-1", "DE"),
    ("aws", "eu-central-2", "CH"),
    ("aws", "eu-west-1", "IE"),
    ("aws", "eu-west-2", "GB"),
    ("aws", "me-south-1", "BH"),
    ("aws-cn", "cn-north-1", "CN"),
    ("aws-us-gov", "us-gov-west-1", "US"),
    # Microsoft: display names and codes are the same place
    ("azure", "East US", "US"),
    ("azure", "eastus", "US"),
    ("azure", "japaneast", "JP"),
    ("azure", "Japan West", "JP"),
    ("azure", "eastasia", "HK"),
    ("azure", "southeastasia", "SG"),
    ("azure", "northeurope", "IE"),
    ("azure", "westeurope", "NL"),
    ("azure", "switzerlandnorth", "CH"),
    ("azure", "global", "ZZ"),
    ("azure-china", "chinanorth", "CN"),
    # Google: zones and old names
    ("gcp", "us-central1", "US"),
    ("gcp", "us-central1-a", "US"),
    ("gcp", "us-central1-ai1a", "US"),
    ("gcp", "europe-west1-d", "BE"),
    ("gcp", "us-central", "US"),
    ("gcp", "europe-west", "BE"),
    ("gcp", "asia-east1", "TW"),
    ("gcp", "asia-east2", "HK"),
    ("gcp", "europe-west6", "CH"),
    ("gcp", "EU", "EU"),
    ("gcp", "europe", "EU"),
    ("gcp", "us", "US"),
    ("gcp", "asia", "ZZ"),
    ("gcp", "global", "ZZ"),
    ("gcp", "automatic", "ZZ"),
    # The same word at different services of one provider
    ("gcp-gcs", "asia1", "JP"),
    ("gcp-gcs", "ASIA1", "JP"),
    ("gcp-spanner", "asia1", "JP KR"),
    ("gcp-kms", "asia1", "JP KR"),
    ("gcp-gcs", "eur4", "FI NL"),
    ("gcp-gcs", "EUR4", "FI NL"),
    ("gcp-kms", "eur4", "BE FI NL"),
    ("gcp-gcs", "EUR5", "BE GB"),
    ("gcp-spanner", "eur5", "BE GB NL"),
    ("gcp-gcs", "EUR7", "DE GB"),
    ("gcp-spanner", "eur7", "DE IT"),
    ("gcp-gcs", "EUR8", "CH DE"),
    ("gcp-gcs", "NAM4", "US"),
    ("gcp-gcs", "nam4", "US"),
    ("gcp-gcs", "us-central1-a", "US"),
    ("gcp-gcs", "EU", "EU"),
    ("gcp-gcs", "ASIA", "ZZ"),
    ("gcp-bigquery", "EU", "EU"),
    ("gcp-bigquery", "US", "US"),
    ("gcp-bigquery", "aws-eu-west-1", "IE"),
    ("gcp-bigquery", "azure-eastus2", "US"),
    ("gcp-spanner", "eur3", "BE FI NL"),
    ("gcp-spanner", "eur6", "CH DE NL"),
    ("gcp-spanner", "nam14", "CA US"),
    ("gcp-spanner", "nam-eur-asia1", "BE TW US"),
    ("gcp-spanner", "nam-eur-asia3", "BE NL TW US"),
    ("gcp-spanner", "regional-europe-north1", "FI"),
    ("gcp-spanner", "europe-north1", "FI"),
    ("gcp-spanner", "dual-region-japan1", "JP"),
    ("gcp-firestore", "eur3", "BE FI NL"),
    ("gcp-firestore", "nam5", "US"),
    # App Engine's old names stand for multi-regions here, for regions in gcp
    ("gcp-firestore", "europe-west", "BE FI NL"),
    ("gcp-firestore", "us-central", "US"),
    # The API labels asia with SG; Google promises Asia
    ("gcp-kms", "asia", "ZZ"),
    ("gcp-kms", "europe", "EU"),
    ("gcp-kms", "global", "ZZ"),
    ("gcp-artifact-registry", "europe", "EU"),
    ("gcp-artifact-registry", "eu.gcr.io", "EU"),
    ("gcp-s3ns", "u-france-east1-b", "FR"),
]


@pytest.mark.parametrize(("provider", "name", "countries"), KNOWN, ids=[f"{key}/{name}" for key, name, _ in KNOWN])
def test_known_answers(catalogue: Providers, provider: str, name: str, countries: str) -> None:
    place = catalogue.locate(provider, name)
    assert place.known, place.reason
    assert sorted(place.countries) == countries.split()


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("aws", "eu-westwest-1r"),
        ("aws", "meiso-eastwest-2r"),
        ("aws", "Multiple Availability Zones"),
        ("aws-cn", "us-east-1"),
        ("azure", "atlantis"),
        ("gcp", "us-central9"),
        ("gcp", "us-central9-a"),
        ("gcp", "us-a"),
        ("gcp", "EUR4"),
        ("gcp-gcs", "EUR6"),
        ("gcp-gcs", "nam-eur-asia1"),
        ("gcp-spanner", "custom-nam11-config"),
        ("gcp-spanner", "eur4"),
        ("gcp-bigquery", "asia"),
        ("gcp-kms", "nam99"),
        ("no-such-provider", "us-east-1"),
    ],
)
def test_an_unknown_name_is_unbounded_and_never_empty(catalogue: Providers, provider: str, name: str) -> None:
    place = catalogue.locate(provider, name)
    assert not place.known
    assert place.countries == {UNBOUNDED}
    assert not place.bounded
    assert place.operator is None
    assert repr(name) in place.reason


@pytest.mark.parametrize("name", [None, ""])
def test_an_empty_name_is_unbounded(catalogue: Providers, name: str | None) -> None:
    for provider in catalogue:
        place = catalogue.locate(provider, name)
        assert not place.known
        assert place.countries == {UNBOUNDED}


@pytest.mark.parametrize(
    ("provider", "contractor", "top"),
    [
        ("aws", "JP", "amazon-com"),
        ("azure", "JP", "microsoft-corporation"),
        ("gcp", "JP", "alphabet"),
    ],
)
def test_a_japanese_contracting_company_is_owned_from_the_united_states(
    catalogue: Providers, provider: str, contractor: str, top: str
) -> None:
    parties = [item.entity for item in catalogue[provider].contracting if contractor in item.customers]
    assert parties, f"{provider} names no contracting party for customers in {contractor}"
    assert any("*" in item.customers for item in catalogue[provider].contracting)
    for party in parties:
        reached = {party} | {step.parent for step in owners_of(catalogue.entities, party, TODAY)}
        assert top in reached
    assert catalogue.entities[top].seat == "US"


def test_a_licensor_holds_no_share(catalogue: Providers) -> None:
    licensed = [
        (key, stake)
        for key, entity in catalogue.entities.items()
        for stake in entity.owners
        if stake.relation == "licensor"
    ]
    assert licensed
    for key, stake in licensed:
        assert stake.share is None, f"{key} <- {stake.entity}"


def test_every_cloud_says_from_where_staff_and_metadata_are_or_that_it_is_unknown(catalogue: Providers) -> None:
    for provider in catalogue.values():
        if provider.kind == "namespace":
            continue
        assert provider.staff_access, provider.id
        assert provider.metadata_countries, provider.id
        for item in (*provider.staff_access, *provider.metadata_countries):
            assert item.known == (item.countries != [UNKNOWN])
            assert item.source is not None if item.known else item.searched, f"{provider.id}: {item}"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"countries": [UNKNOWN]}, "unknown countries need `searched`"),
        ({"countries": [UNKNOWN, "JP"], "searched": "pages"}, "`unknown` stands alone"),
        ({"countries": ["JP"]}, "countries need a `source`"),
        ({"countries": ["Japan"], "source": SOURCE}, "not an ISO 3166-1 alpha-2 code"),
        ({"countries": ["JP", "JP"], "source": SOURCE}, "a country stands twice"),
        ({"countries": [UNBOUNDED, "JP"], "source": SOURCE}, "stands alone"),
        ({"countries": []}, "at least 1 item"),
    ],
)
def test_places_are_sourced_or_searched(entry: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        StaffAccess.model_validate({"purpose": {"en": "support", "ja": "サポート"}, **entry})
    with pytest.raises(ValidationError, match=re.escape(message)):
        Metadata.model_validate({"what": {"en": "accounts", "ja": "アカウント"}, **entry})


def test_a_chain_that_ends_without_a_reason_is_unknown(catalogue: Providers) -> None:
    assert catalogue.entities["alphabet"].owners_known(TODAY)
    assert catalogue.entities["google-llc"].owners_known(TODAY)
    assert not catalogue.entities["nwcd"].owners_known(TODAY), "a licensor is no owner"
    for key, entity in catalogue.entities.items():
        if entity.top is not None:
            shares = [stake.share for stake in entity.owners if stake.relation == "owner" and stake.end is None]
            assert all(share is not None and share <= 0.5 for share in shares), key


@pytest.mark.parametrize(
    ("stake", "faulty"),
    [
        ("", False),
        ("owners: [{entity: fund, share: 0.5, source: {confidence: low}}]", False),
        ("owners: [{entity: fund, share: 1.0, to: 2020-01-01, source: {confidence: low}}]", False),
        ("owners: [{entity: fund, relation: licensor, source: {confidence: low}}]", False),
        ("owners: [{entity: fund, share: 0.51, source: {confidence: low}}]", True),
        ("owners: [{entity: fund, source: {confidence: low}}]", True),
    ],
)
def test_a_top_has_no_controlling_owner(tmp_path: Path, stake: str, faulty: bool) -> None:
    folder = tmp_path / "providers" / "made-up"
    folder.mkdir(parents=True)
    (folder / "provider.yaml").write_text(
        f"""
id: made-up
name: {{en: Made up, ja: 架空}}
reviewed: 2026-11-01
review_by: 2027-11-01
entities:
  fund: {{name: Fund, seat: JP, source: {{confidence: low}}}}
  company:
    name: Company
    seat: JP
    top: {{why: dispersed, source: {{confidence: low}}}}
    source: {{confidence: low}}
    {stake}
"""
    )
    if not faulty:
        assert load_providers(DataFolders(tmp_path)).entities["company"].owners_known(TODAY)
        return
    with pytest.raises(FaultsError) as raised:
        load_providers(DataFolders(tmp_path))
    assert [fault.rule for fault in raised.value.faults] == ["top"]


@pytest.mark.parametrize(
    ("provider", "region", "top"),
    [
        ("scaleway", "fr-par", "iliad-holding"),
        ("outscale", "eu-west-2", "gimd"),
        ("huawei", "cn-north-4", "huawei-investment-holding"),
        ("yandex", "kz1-a", "zpif-consortium-first"),
        ("ntt-sdpf", "jp1", "ntt-inc"),
        ("aws-eusc", "eusc-de-east-1", "amazon-com"),
        ("azure-china", "chinanorth", "shandong-hi-speed-group"),
    ],
)
def test_chains_reach_the_top(catalogue: Providers, provider: str, region: str, top: str) -> None:
    operator = catalogue.locate(provider, region).operator
    assert operator is not None
    assert top in {step.parent for step in owners_of(catalogue.entities, operator, TODAY)}
    assert catalogue.entities[top].top is not None


def test_the_former_dutch_parent_owns_yandex_no_more(catalogue: Providers) -> None:
    def parents(day: dt.date) -> set[str]:
        return {step.parent for step in owners_of(catalogue.entities, "yandex-cloud-llc", day)}

    assert "nebius-group" in parents(dt.date(2023, 1, 1))
    assert "nebius-group" not in parents(TODAY)
