"""Small inventories built in code, for tests of everything behind the inventory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from residency.classify import Holding
from residency.config import Config
from residency.data import DataFolders, data_folders
from residency.graph import Inputs
from residency.inventory.tables import Access, Contractor, Gap, Grant, Key, Placement, Rows, Store
from residency.jurisdictions import Group, Jurisdictions, load_jurisdictions
from residency.method.facts import load_fact_words
from residency.method.judgement import Judgement, load_judgement
from residency.model import KindWords
from residency.providers import Providers, load_providers

DAY = dt.date(2026, 11, 1)
SEEN = dt.datetime(2026, 10, 31, tzinfo=dt.UTC)
HERE = Path(__file__).parent
MADE_UP = DataFolders(HERE / "data" / "law")

CONFIG = Config.model_validate(
    {
        "organisation": {"id": "acme", "name": {"en": "Acme", "ja": "アクメ"}, "seat": "JP"},
        "home": "JP",
        "services": [
            {
                "id": "chat",
                "name": {"en": "Chat", "ja": "チャット"},
                "classes": ["communication.content", "user.provided"],
            },
            {"id": "shop", "name": {"en": "Shop", "ja": "ショップ"}, "classes": ["user.observed"]},
        ],
    }
)


def store(name: str, provider: str = "quasar", kind: str = "quasar.disk.volume", account: str = "1") -> Store:
    return Store(
        provider=provider,
        account=account,
        region="eu-berlin-1",
        kind=kind,
        call="ListVolumes",
        seen_at=SEEN,
        store_id=name,
        name=name,
        holds="blocks",
    )


def placement(name: str, location: str, role: Any = "primary", provider: str = "quasar") -> Placement:
    return Placement(
        provider=provider,
        account="1",
        region=location,
        kind="quasar.disk.volume",
        call="ListVolumes",
        seen_at=SEEN,
        store_id=name,
        role=role,
        location_provider=provider,
        location=location,
        evidence="Region",
    )


def key(name: str, custody: Any = "provider-managed", manager_country: str = "") -> Key:
    return Key(
        provider="quasar",
        account="1",
        region="eu-berlin-1",
        kind="quasar.disk.volume",
        call="ListVolumes",
        seen_at=SEEN,
        store_id=name,
        custody=custody,
        manager_country=manager_country,
        evidence="Encryption",
    )


def grant(name: str, principal: str, access: str = "read", external: Any = "yes") -> Grant:
    return Grant(
        provider="quasar",
        account="1",
        region="eu-berlin-1",
        kind="quasar.disk.volume",
        call="GetPolicy",
        seen_at=SEEN,
        store_id=name,
        principal=principal,
        principal_kind="account",
        principal_account=principal,
        access=access,
        external=external,
        evidence="Policy",
    )


def gap(field: str = "listing", store_id: str = "", kind: str = "quasar.disk.volume", provider: str = "quasar") -> Gap:
    return Gap(
        provider=provider,
        account="1",
        region="eu-berlin-1",
        kind=kind,
        call="ListVolumes",
        seen_at=SEEN,
        store_id=store_id,
        field=field,
        cause="denied",
        message="not allowed",
    )


def contractor(name: str, **fields: Any) -> Contractor:
    plain: dict[str, Any] = {
        "seat": "JP",
        "staff_countries": ("JP",),
        "storage_countries": (),
        "access_mode": "remote-plaintext",
        "services": ("chat",),
        "data_classes": ("communication.content",),
        "source": "register.csv:2",
    }
    return Contractor(contractor_id=name, name=name.title(), **{**plain, **fields})


def access(principal: str, country: str | None, *, count: int = 3, denied: int = 0, account: str = "1") -> Access:
    return Access(
        provider="quasar",
        account=account,
        region="eu-berlin-1",
        principal=principal,
        principal_account="1",
        service="disk",
        ip="203.0.113.7",
        verdict="country" if country else "indeterminate",
        countries=(country,) if country else (),
        reason="" if country else "anycast",
        geo_source="test",
        geo_date="2026-06-01",
        count=count,
        denied=denied,
        first=SEEN,
        last=SEEN,
        source="log.json",
    )


def holdings(names: Iterable[str], **held: Any) -> list[Holding]:
    """Each named store holds (or does not, or may hold) each dataset; unnamed datasets are not held."""
    table = {key.replace("_", "/", 1).replace("__", "."): value for key, value in held.items()}
    return [
        Holding(name, dataset.id, table.get(dataset.id, "no"), "test")
        for name in names
        for dataset in CONFIG.datasets()
    ]


def rows(*items: Any) -> Rows:
    result = Rows()
    result.add(*items)
    return result


def made_up_law() -> Jurisdictions:
    return load_jurisdictions(MADE_UP, load_fact_words())


def law_with_eu() -> Jurisdictions:
    """The made-up law and a group EU of Germany and France."""
    law = made_up_law()
    members = {code: {"from": "1993-11-01"} for code in ("DE", "FR")}
    data = {"name": {"en": "EU", "ja": "EU"}, "members": members, "source": "https://x.example"}
    return Jurisdictions(dict(law), {"EU": Group.model_validate(data)}, law.commitments, law.words)


def real_law() -> Jurisdictions:
    return load_jurisdictions(data_folders(), load_fact_words())


def made_up_providers() -> Providers:
    return load_providers(MADE_UP)


def inputs(
    inventory: Rows,
    held: Iterable[Holding],
    *,
    law: Jurisdictions | None = None,
    providers: Providers | None = None,
    config: Config = CONFIG,
    judgement: Judgement | None = None,
    kinds: Mapping[str, KindWords] | None = None,
    as_of: dt.date = DAY,
) -> Inputs:
    return Inputs(
        rows=inventory,
        holdings=tuple(held),
        config=config,
        providers=providers or made_up_providers(),
        jurisdictions=law or made_up_law(),
        judgement=judgement or load_judgement(),
        kinds=kinds or {"quasar.disk.volume": KindWords("data", "plaintext")},
        as_of=as_of,
    )
