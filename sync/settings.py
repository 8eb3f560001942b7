"""The settings, and the one reader of the environment.

Each door says what it needs; whatever is missing or wrong is named at once, in one message, before anything starts.
A setting that a door does not need may be absent: it reads as "" or its default. Emulator addresses are refused in
production, so that no user's data is ever sent to a stand-in. docs/settings.md and .env.example name every setting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal

from sync.errors import InvalidSettings

Door = Literal["api", "worker", "mirror", "intents", "migrate"]


@dataclass(frozen=True)
class Settings:
    """What the environment says. Addresses that may carry a password, and secrets, stay out of its repr."""

    app_env: str = "local"
    api_database_url: str = field(default="", repr=False)
    worker_database_url: str = field(default="", repr=False)
    mirror_database_url: str = field(default="", repr=False)
    migration_database_url: str = field(default="", repr=False)
    admin_database_url: str = field(default="", repr=False)
    redis_url: str = field(default="", repr=False)
    plaid_url: str = ""
    plaid_client_id: str = ""
    plaid_secret: str = field(default="", repr=False)
    plaid_webhook_url: str = ""
    plaid_redirect_uri: str | None = None
    plaid_limits: str = ""
    plaid_pages_days: int = 90
    plaid_recurring: bool = False
    plaid_refresh: bool = False
    plaid_country_codes: tuple[str, ...] = ("US",)
    plaid_language: str = "en"
    firebase_project_id: str = ""
    firebase_api_key: str = ""
    firestore_emulator_host: str | None = None
    firebase_auth_emulator_host: str | None = None
    browser_firestore_host: str | None = None
    browser_auth_url: str | None = None
    browser_bank_url: str | None = None
    token_key_file: str = ""
    kms_key_id: str | None = None
    kms_endpoint_url: str | None = None
    mirror_window_months: int = 13
    mirror_concurrency: int = 8
    mirror_month_interval_seconds: float = 1.0
    audit_reads_per_day: int = 100_000
    audit_full_days: int = 30
    audit_log_days: int = 90
    mirror_ramp: bool = False
    mirror_doorbell: str = "postgres"
    sweep_seconds: float = 30.0
    intent_max_age_days: int = 30
    intent_gap_seconds: float = 10.0
    intent_hourly_limit: int = 1000
    intent_concurrency: int = 4
    intent_silence_seconds: float = 60.0
    cost_price_writes: Decimal = Decimal("0.09")
    cost_price_deletes: Decimal = Decimal("0.01")
    cost_price_reads: Decimal = Decimal("0.03")
    cost_currency: str = "USD"
    cost_listeners: Decimal = Decimal(1)
    cost_cap_user_day: Decimal = Decimal(0)
    cost_cap_total_day: Decimal = Decimal(0)
    cost_cap_interval_seconds: float = 60.0
    cost_keep_days: int = 400
    firestore_indexes_file: Path = Path("firestore_rules/firestore.indexes.json")
    purge_after_hours: int = 24
    erase_wait_seconds: float = 3900.0
    freshness_promise_hours: int = 12
    pending_expires_days: int = 14
    api_host: str = "127.0.0.1"
    api_port: int = 5002
    frontend_dir: Path = Path("frontend/dist")
    log_level: str = "INFO"
    log_format: str = "console"
    otel_exporter_otlp_endpoint: str = ""
    metrics_port: int = 0
    metrics_token: str = field(default="", repr=False)
    trace_days: int = 7

    @property
    def local(self) -> bool:
        """Whether stand-ins may be used."""
        return self.app_env == "local"


_FIREBASE = frozenset({"FIREBASE_PROJECT_ID"})
_PLAID = frozenset({"PLAID_URL", "PLAID_CLIENT_ID", "PLAID_SECRET", "TOKEN_KEY_FILE"})

NEEDS: Mapping[Door, frozenset[str]] = {
    "api": frozenset({"API_DATABASE_URL", "REDIS_URL", "PLAID_WEBHOOK_URL", "FIREBASE_API_KEY"}) | _PLAID | _FIREBASE,
    "worker": frozenset({"WORKER_DATABASE_URL", "REDIS_URL"}) | _PLAID | _FIREBASE,
    "mirror": frozenset({"MIRROR_DATABASE_URL"}) | _FIREBASE,
    "intents": frozenset({"API_DATABASE_URL"}) | _FIREBASE,
    "migrate": frozenset({"MIGRATION_DATABASE_URL"}),
}

LOCAL_ONLY = frozenset(
    {
        "FIRESTORE_EMULATOR_HOST",
        "FIREBASE_AUTH_EMULATOR_HOST",
        "BROWSER_FIRESTORE_HOST",
        "BROWSER_AUTH_URL",
        "BROWSER_BANK_URL",
        "KMS_ENDPOINT_URL",
    }
)


# With a key of AWS KMS the key file is needed only to open what was sealed before.
_INSTEAD = frozenset({"TOKEN_KEY_FILE"})


def names() -> list[str]:
    """Every setting by its name in the environment."""
    return [name.upper() for name in Settings.__dataclass_fields__]


def read_settings(env: Mapping[str, str], *, needs: frozenset[str] = frozenset()) -> Settings:
    """Reads the settings; raises InvalidSettings naming every missing and every wrong one at once."""
    given = {name: env[name].strip() for name in names() if env.get(name, "").strip()}
    needed = needs - _INSTEAD if "KMS_KEY_ID" in given else needs
    if needs and given.get("MIRROR_DOORBELL") == "redis":
        needed |= {"REDIS_URL"}
    problems = [f"{name} is missing" for name in sorted(needed - given.keys())]
    values: dict[str, Any] = {}
    for name, text in given.items():
        try:
            values[name.lower()] = _PARSERS.get(name, str)(text)
        except ValueError as wrong:
            problems.append(f"{name} {wrong}")
    if values.get("app_env", "local") == "production":
        problems += [f"{name} is refused in production" for name in sorted(LOCAL_ONLY & given.keys())]
    if problems:
        raise InvalidSettings(problems)
    return Settings(**values)


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return text

    return parse


def _some_of(*allowed: str) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        chosen = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
        if not set(chosen) <= set(allowed):
            raise ValueError(f"must be some of {', '.join(allowed)}, with commas between them")
        return chosen

    return parse


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return parse


def _seconds(least: float, most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise ValueError(f"must be seconds from {least:g} to {most:g}")
        return value

    return parse


def _amount(most: str) -> Callable[[str], Decimal]:
    def parse(text: str) -> Decimal:
        try:
            value = Decimal(text)
        except InvalidOperation:
            value = Decimal("nan")
        if value.is_nan() or not 0 <= value <= Decimal(most):
            raise ValueError(f"must be a decimal number from 0 to {most}")
        return value

    return parse


def _currency(text: str) -> str:
    if not (len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()):
        raise ValueError("must be a currency of three capital letters, such as USD")
    return text


def _prefixed(*prefixes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not text.startswith(prefixes):
            raise ValueError(f"must begin with {' or '.join(prefixes)}")
        return text.rstrip("/") if text.startswith("http") else text

    return parse


def _host_port(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not (host and colon and port.isascii() and port.isdigit()) or "/" in text:
        raise ValueError("must be host:port, without http://")
    return text


def _secret(text: str) -> str:
    if len(text) < 16 or not (text.isascii() and text.isprintable()):
        raise ValueError("must have at least 16 visible characters")
    return text


def _on_or_off(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError("must be on or off")
    return text == "on"


# What Plaid's Link knows.
_COUNTRIES = ["US", "GB", "ES", "NL", "FR", "IE", "CA", "DE", "IT", "PL"]
_COUNTRIES += ["DK", "NO", "SE", "EE", "LT", "LV", "PT", "BE", "AT", "FI"]
_LANGUAGES = ["en", "da", "de", "es", "et", "fr", "hi", "it", "lt", "lv", "nl", "no", "pl", "pt", "ro", "sv", "vi"]
_DATABASE = _prefixed("postgresql://", "postgresql+psycopg2://", "postgres://")
_HTTP = _prefixed("http://", "https://")
_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "APP_ENV": _one_of("local", "production"),
    "API_DATABASE_URL": _DATABASE,
    "WORKER_DATABASE_URL": _DATABASE,
    "MIRROR_DATABASE_URL": _DATABASE,
    "MIGRATION_DATABASE_URL": _DATABASE,
    "ADMIN_DATABASE_URL": _DATABASE,
    "REDIS_URL": _prefixed("redis://", "rediss://", "unix://"),
    "PLAID_URL": _HTTP,
    "PLAID_WEBHOOK_URL": _HTTP,
    "PLAID_REDIRECT_URI": _HTTP,
    "PLAID_LIMITS": _one_of("production", "sandbox", "none"),
    "PLAID_COUNTRY_CODES": _some_of(*_COUNTRIES),
    "PLAID_LANGUAGE": _one_of(*_LANGUAGES),
    "FIRESTORE_EMULATOR_HOST": _host_port,
    "FIREBASE_AUTH_EMULATOR_HOST": _host_port,
    "BROWSER_FIRESTORE_HOST": _host_port,
    "BROWSER_AUTH_URL": _HTTP,
    "BROWSER_BANK_URL": _HTTP,
    "KMS_KEY_ID": _prefixed("arn:", "alias/"),
    "KMS_ENDPOINT_URL": _HTTP,
    "PLAID_PAGES_DAYS": _whole(0, 3650),
    "PLAID_RECURRING": _on_or_off,
    "PLAID_REFRESH": _on_or_off,
    "MIRROR_WINDOW_MONTHS": _whole(1, 240),
    "MIRROR_CONCURRENCY": _whole(1, 256),
    "MIRROR_MONTH_INTERVAL_SECONDS": _seconds(0, 3600),
    "AUDIT_READS_PER_DAY": _whole(0, 10**9),
    "AUDIT_FULL_DAYS": _whole(1, 3650),
    "AUDIT_LOG_DAYS": _whole(1, 3650),
    "MIRROR_RAMP": _on_or_off,
    "MIRROR_DOORBELL": _one_of("postgres", "redis"),
    "SWEEP_SECONDS": _seconds(0.1, 86400),
    "INTENT_MAX_AGE_DAYS": _whole(1, 365),
    "INTENT_GAP_SECONDS": _seconds(0, 3600),
    "INTENT_HOURLY_LIMIT": _whole(1, 1_000_000),
    "INTENT_CONCURRENCY": _whole(1, 64),
    "INTENT_SILENCE_SECONDS": _seconds(0.1, 3600),
    "COST_PRICE_WRITES": _amount("1000000"),
    "COST_PRICE_DELETES": _amount("1000000"),
    "COST_PRICE_READS": _amount("1000000"),
    "COST_CURRENCY": _currency,
    "COST_LISTENERS": _amount("1000"),
    "COST_CAP_USER_DAY": _amount("1000000000"),
    "COST_CAP_TOTAL_DAY": _amount("1000000000"),
    "COST_CAP_INTERVAL_SECONDS": _seconds(0, 86400),
    "COST_KEEP_DAYS": _whole(1, 36500),
    "FIRESTORE_INDEXES_FILE": Path,
    "PURGE_AFTER_HOURS": _whole(0, 720),
    "ERASE_WAIT_SECONDS": _seconds(0, 604800),
    "FRESHNESS_PROMISE_HOURS": _whole(1, 168),
    "PENDING_EXPIRES_DAYS": _whole(1, 365),
    "API_PORT": _whole(1, 65535),
    "FRONTEND_DIR": Path,
    "OTEL_EXPORTER_OTLP_ENDPOINT": _HTTP,
    "METRICS_PORT": _whole(0, 65535),
    "METRICS_TOKEN": _secret,
    "TRACE_DAYS": _whole(1, 365),
    "LOG_LEVEL": _one_of("DEBUG", "INFO", "WARNING", "ERROR"),
    "LOG_FORMAT": _one_of("console", "json"),
}
