"""The composition root: everything a door reaches outside itself, in one value that is handed down.

Built once per process (after fork) from the settings; nothing is built on import. Tests swap a field with
`dataclasses.replace`, never a line of the product. Who may call: the doors (`api`, `workers`) and test fixtures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from sqlalchemy import Engine

from sync import log
from sync.db import make_engine
from sync.keys.vault import Vault, open_vault
from sync.mirror.doorbell import Bell
from sync.settings import Settings
from sync.shapes.shapes import SHAPES, Shape

if TYPE_CHECKING:
    from sync.mirror.firestore import Firestore
    from sync.pull.plaid import Plaid
    from sync.sign_ins import SignIns

Serving = Literal["api", "worker", "mirror", "intents"]
Ring = Callable[[str, dict[str, str]], None]


@dataclass(frozen=True)
class Deps:
    """What the functions of `sync` work with. `engine` connects as this door's role; `shapes` are the known ones."""

    settings: Settings
    engine: Engine
    plaid: Plaid | None
    firestore: Firestore | None
    vault: Vault | None
    ring: Ring
    now: Callable[[], datetime]
    sign_ins: SignIns | None = None
    shapes: Mapping[int, Shape] = field(default_factory=lambda: SHAPES)


def build_deps(settings: Settings, *, door: Serving, ring: Ring | None = None) -> Deps:
    """Builds what this door needs; connects to nothing yet. Raises VaultFailed without usable keys.

    `ring` starts a task by name. Whatever it raises is logged and dropped: the sweep finds work whose bell was lost.
    """
    banks = door in ("api", "worker")
    return Deps(
        settings=settings,
        engine=make_engine(_database_url(settings, door), role_hint=door, bell=_bell(settings, door)),
        plaid=_plaid(settings) if banks else None,
        firestore=_firestore(settings) if door in ("mirror", "intents", "worker") else None,
        vault=_vault(settings) if banks else None,
        ring=_never_raising(ring or _no_bell),
        now=utc_now,
        sign_ins=_sign_ins(settings) if door == "worker" else None,
    )


def utc_now() -> datetime:
    """The time, aware, in UTC."""
    return datetime.now(UTC)


def _database_url(settings: Settings, door: Serving) -> str:
    return {
        "api": settings.api_database_url,
        "worker": settings.worker_database_url,
        "mirror": settings.mirror_database_url,
        "intents": settings.api_database_url,
    }[door]


def _bell(settings: Settings, door: Serving) -> Bell | None:
    return Bell(settings.redis_url) if settings.mirror_doorbell == "redis" and door != "mirror" else None


def _plaid(settings: Settings) -> Plaid:
    from sync.pull.limits import Limits, limits_of
    from sync.pull.plaid import Plaid

    return Plaid(
        url=settings.plaid_url,
        client_id=settings.plaid_client_id,
        secret=settings.plaid_secret,
        webhook_url=settings.plaid_webhook_url or None,
        redirect_uri=settings.plaid_redirect_uri,
        countries=settings.plaid_country_codes,
        language=settings.plaid_language,
        limits=Limits(limits_of(settings.plaid_url, settings.plaid_limits), settings.redis_url),
    )


def _vault(settings: Settings) -> Vault:
    return open_vault(settings.token_key_file, kms_key_id=settings.kms_key_id, endpoint_url=settings.kms_endpoint_url)


def _firestore(settings: Settings) -> Firestore:
    from sync.mirror.firestore import Firestore

    return Firestore(project=settings.firebase_project_id, emulator_host=settings.firestore_emulator_host)


def _sign_ins(settings: Settings) -> SignIns:
    from sync.sign_ins import SignIns

    emulator_host = settings.firebase_auth_emulator_host if settings.local else None
    return SignIns(project=settings.firebase_project_id, emulator_host=emulator_host)


def _no_bell(task: str, arguments: dict[str, str]) -> None:
    log.get(__name__).debug("no_doorbell", task=task, **arguments)


def _never_raising(ring: Ring) -> Ring:
    def safely(task: str, arguments: dict[str, str]) -> None:
        try:
            ring(task, arguments)
        except Exception as error:
            log.get(__name__).warning("doorbell_lost", task=task, reason=type(error).__name__, **arguments)

    return safely
