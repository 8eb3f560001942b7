"""The ledger's tables as SQLAlchemy Core knows them: exactly what the migrations make, column for column.

Nothing is created from here; migrations/ does that, with triggers, grants and policies that no model can say. It is
what `alembic revision --autogenerate` compares with, and one place to read every column. A test compares both
catalogues, so a migration without its change here fails, and the reverse. Changing a table: migration first, then here.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

# Identifiers compare byte by byte: Plaid's and Firebase's are case-sensitive.
_ID = Text(collation="C")
_TIME = DateTime(timezone=True)
_MONEY = Numeric(28, 10)


def _uuid_key() -> Column[Any]:
    return Column("id", Uuid, primary_key=True, server_default=text("gen_random_uuid()"))


def _user() -> Column[Any]:
    return Column("user_id", _ID, ForeignKey("users.id"), nullable=False)


def _time(name: str) -> Column[Any]:
    return Column(name, _TIME)


def _stamped(name: str = "created_at") -> Column[Any]:
    return Column(name, _TIME, nullable=False, server_default=text("now()"))


def _counted(name: str, kind: Any = Integer, start: int = 0) -> Column[Any]:
    return Column(name, kind, nullable=False, server_default=text(str(start)))


def _traces() -> Column[Any]:
    return Column("traces", ARRAY(Text), nullable=False, server_default=text("'{}'"))


users = Table(
    "users",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("email", Text),
    Column("display_name", Text),
    _stamped(),
    CheckConstraint("id <> '' and position('/' in id) = 0 and octet_length(id) <= 128", name="id"),
)

categories = Table(
    "categories",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("user_id", _ID, ForeignKey("users.id")),
    Column("name", Text, nullable=False),
    _stamped(),
    _time("removed_at"),
    CheckConstraint("length(name) between 1 and 60", name="name"),
)
Index(None, categories.c.user_id, postgresql_where=text("user_id is not null"))

spend_exclusions = Table(
    "spend_exclusions",
    metadata,
    Column("category_id", _ID, ForeignKey("categories.id"), primary_key=True),
)

items = Table(
    "items",
    metadata,
    _uuid_key(),
    _user(),
    Column("plaid_item_id", _ID, nullable=False),
    Column("institution_id", Text),
    Column("institution_name", Text),
    Column("status", Text, nullable=False, server_default=text("'ok'")),
    Column("error_code", Text),
    Column("error_message", Text),
    _time("consent_expires_at"),
    Column("cursor", _ID),
    Column("update_status", Text, nullable=False, server_default=text("'UNKNOWN'")),
    _stamped(),
    _time("removed_at"),
    _time("repaired_at"),
    Column("successor_id", Uuid),
    _time("purged_at"),
    UniqueConstraint("plaid_item_id"),
    UniqueConstraint("id", "user_id"),
    ForeignKeyConstraint(["successor_id", "user_id"], ["items.id", "items.user_id"]),
    CheckConstraint("status in ('ok', 'login_required', 'pending_disconnect', 'revoked', 'error')", name="status"),
)
Index(None, items.c.user_id)
Index(None, items.c.successor_id, postgresql_where=text("successor_id is not null"))
Index(None, items.c.removed_at, postgresql_where=text("removed_at is not null and purged_at is null"))
Index("ix_items_revoked", items.c.id, postgresql_where=text("status = 'revoked' and removed_at is null"))

item_tokens = Table(
    "item_tokens",
    metadata,
    Column("item_id", Uuid, ForeignKey("items.id"), primary_key=True),
    _user(),
    Column("key_id", Text, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    _stamped(),
    Column("wrapped_key", LargeBinary),
)

token_rotations = Table(
    "token_rotations",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("item_id", Uuid, ForeignKey("items.id"), nullable=False),
    _user(),
    Column("state", Text, nullable=False, server_default=text("'asked'")),
    _stamped("asked_at"),
    _time("ended_at"),
    Column("request_id", Text),
    CheckConstraint("state in ('asked', 'stored', 'kept', 'lost')", name="state"),
)
Index(
    "uq_token_rotations_item_id_open",
    token_rotations.c.item_id,
    unique=True,
    postgresql_where=text("state = 'asked'"),
)
Index("ix_token_rotations_item_id", token_rotations.c.item_id, token_rotations.c.id)
Index(None, token_rotations.c.user_id)

item_pulls = Table(
    "item_pulls",
    metadata,
    Column("item_id", Uuid, ForeignKey("items.id"), primary_key=True),
    _user(),
    _counted("wanted", BigInteger, 1),
    _counted("done", BigInteger),
    _counted("failures"),
    _time("retry_at"),
    _time("last_webhook_at"),
    _time("last_pulled_at"),
    Column("accounts_due_at", _TIME, nullable=False, server_default=text("now() + interval '1 day'")),
    _time("accounts_offered_at"),
    _time("accounts_chosen_at"),
    _time("recurring_due_at"),
    Column("resync", Boolean, nullable=False, server_default=text("false")),
    _traces(),
)
Index("ix_item_pulls_open", item_pulls.c.retry_at, postgresql_where=text("wanted > done"))
Index(
    "ix_item_pulls_polled",
    item_pulls.c.retry_at,
    postgresql_where=text("wanted = done and retry_at is not null"),
)

item_freshness = Table(
    "item_freshness",
    metadata,
    Column("id", Uuid, ForeignKey("items.id"), primary_key=True),
    _user(),
    Column("state", Text, nullable=False, server_default=text("'ok'")),
    _time("bank_updated_at"),
    _time("changed_at"),
    _time("looked_at"),
    _time("asked_at"),
    _time("bank_failed_at"),
    Column("gaps", ARRAY(Integer), nullable=False, server_default=text("'{}'")),
    _counted("empty_looks"),
    _time("look_at"),
    _time("ask_at"),
    _time("quiet_at"),
    _time("stale_at"),
    _time("turn_at"),
    CheckConstraint("state in ('ok', 'quiet', 'stale')", name="state"),
)
Index(None, item_freshness.c.user_id)
Index(None, item_freshness.c.look_at)
Index(None, item_freshness.c.ask_at, postgresql_where=text("ask_at is not null"))
Index(None, item_freshness.c.turn_at, postgresql_where=text("turn_at is not null"))
Index(None, item_pulls.c.accounts_due_at)

accounts = Table(
    "accounts",
    metadata,
    _uuid_key(),
    _user(),
    Column("item_id", Uuid, ForeignKey("items.id"), nullable=False),
    Column("plaid_account_id", _ID, nullable=False),
    Column("persistent_account_id", _ID),
    Column("name", Text, nullable=False),
    Column("official_name", Text),
    Column("mask", Text),
    Column("type", Text, nullable=False),
    Column("subtype", Text),
    Column("available_balance", _MONEY),
    Column("current_balance", _MONEY),
    Column("credit_limit", _MONEY),
    Column("iso_currency", Text),
    Column("unofficial_currency", Text),
    _stamped(),
    _time("closed_at"),
    _time("removed_at"),
    _time("deselected_at"),
    _time("hidden_at"),
    Column("rows_moving", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("plaid_account_id"),
)
Index(None, accounts.c.user_id)
Index(None, accounts.c.item_id)
Index(
    "ix_accounts_revoked",
    accounts.c.item_id,
    postgresql_where=text("removed_at is not null and deselected_at is null"),
)
Index("ix_accounts_rows_moving", accounts.c.item_id, postgresql_where=text("rows_moving"))

account_moves = Table(
    "account_moves",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _user(),
    Column("account_id", Uuid, ForeignKey("accounts.id"), nullable=False),
    Column("from_item_id", Uuid, ForeignKey("items.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("moved_at", _TIME, nullable=False, server_default=text("clock_timestamp()")),
    _time("settled_at"),
    CheckConstraint("kind in ('relinked', 'renumbered', 'reopened')", name="kind"),
)
for _name in ("user_id", "account_id", "from_item_id"):
    Index(None, account_moves.c[_name])

purges = Table(
    "purges",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _user(),
    Column("item_id", Uuid, ForeignKey("items.id"), nullable=False),
    Column("account_id", Uuid),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'hide'")),
    *(Column(name, _TIME, nullable=False) for name in ("asked_at", "due_at", "delete_at")),
    *(_counted(name) for name in ("transactions", "entries", "accounts", "other_rows")),
    _time("finished_at"),
    CheckConstraint("reason in ('unlinked', 'permission-revoked', 'account-revoked')", name="reason"),
    CheckConstraint("state in ('hide', 'delete', 'done', 'cancelled')", name="state"),
)
Index(None, purges.c.user_id)
Index(None, purges.c.item_id)
Index("ix_purges_open", purges.c.due_at, postgresql_where=text("state in ('hide', 'delete')"))

entries = Table(
    "entries",
    metadata,
    _uuid_key(),
    _user(),
    Column("user_category_id", _ID, ForeignKey("categories.id")),
    Column("rule_category_id", _ID, ForeignKey("categories.id")),
    Column("note", Text),
    _stamped(),
    _time("edited_at"),
    _time("removed_at"),
    CheckConstraint("length(note) between 1 and 500", name="note"),
)
Index(None, entries.c.user_id)

transactions = Table(
    "transactions",
    metadata,
    _uuid_key(),
    Column("plaid_transaction_id", _ID),
    Column("entry_id", Uuid, ForeignKey("entries.id"), nullable=False),
    _user(),
    Column("account_id", Uuid, ForeignKey("accounts.id")),
    Column("source", Text, nullable=False),
    Column("amount", _MONEY, nullable=False),
    Column("iso_currency", Text),
    Column("unofficial_currency", Text),
    Column("date", Date, nullable=False),
    Column("authorized_date", Date),
    Column("spent_on", Date, Computed("coalesce(authorized_date, date)", persisted=True), nullable=False),
    Column(
        "month",
        Date,
        Computed("date_trunc('month', coalesce(authorized_date, date)::timestamp)::date", persisted=True),
        nullable=False,
    ),
    Column("pending", Boolean, nullable=False),
    Column("pending_transaction_id", _ID),
    Column("name", Text, nullable=False),
    Column("merchant_name", Text),
    Column("bank_category_id", _ID, ForeignKey("categories.id"), nullable=False),
    Column("bank_category_primary", Text),
    Column("bank_category_detailed", Text),
    Column("bank_category_confidence", Text),
    Column("payment_channel", Text),
    Column("content_sha256", LargeBinary),
    _stamped(),
    _time("removed_at"),
    Column("superseded_by", _ID),
    _time("expired_at"),
    Column("heard_on", Date),
    UniqueConstraint("plaid_transaction_id"),
    CheckConstraint(
        "(source = 'bank' and plaid_transaction_id is not null and account_id is not null)"
        " or (source = 'manual' and plaid_transaction_id is null and account_id is null)",
        name="source",
    ),
    CheckConstraint("num_nonnulls(iso_currency, unofficial_currency) = 1", name="currency"),
)


def _check_by_triggers(column: Column[Any]) -> None:
    """Declares the column's foreign key, not enforced: triggers check it once per statement (migration 0026)."""
    (key,) = column.foreign_keys
    assert key.constraint is not None
    change = DDL(f"alter table {column.table} alter constraint {key.constraint.name} not enforced")  # type: ignore[no-untyped-call]
    event.listen(column.table, "after_create", change)


_rows = transactions.c
for _column in (entries.c.user_id, _rows.entry_id, _rows.user_id, _rows.account_id, _rows.bank_category_id):
    _check_by_triggers(_column)
_live = text("removed_at is null")
Index("uq_transactions_entry_id_live", transactions.c.entry_id, unique=True, postgresql_where=_live)
Index(None, transactions.c.entry_id)
Index(
    "ix_transactions_user_id_month",
    transactions.c.user_id,
    transactions.c.month,
    transactions.c.spent_on,
    postgresql_where=_live,
)
Index(None, transactions.c.account_id)
Index(None, transactions.c.pending_transaction_id, postgresql_where=text("pending_transaction_id is not null"))
Index(
    "ix_transactions_unmatched",
    transactions.c.account_id,
    transactions.c.date,
    postgresql_where=text("pending and superseded_by is null"),
)
Index(
    "ix_transactions_expirable",
    transactions.c.date,
    postgresql_where=text("pending and removed_at is null and expired_at is null"),
)
Index(
    "ix_transactions_expired",
    transactions.c.user_id,
    transactions.c.month,
    postgresql_where=text("removed_at is null and expired_at is not null"),
)

reviews = Table(
    "reviews",
    metadata,
    _uuid_key(),
    _user(),
    Column("pending_entry_id", Uuid, ForeignKey("entries.id", ondelete="CASCADE"), nullable=False),
    Column("posted_entry_id", Uuid, ForeignKey("entries.id", ondelete="CASCADE"), nullable=False),
    Column("state", Text, nullable=False, server_default=text("'open'")),
    Column("score", Numeric(4, 3), nullable=False),
    Column("name", Text, nullable=False),
    Column("amount", _MONEY, nullable=False),
    Column("iso_currency", Text),
    Column("unofficial_currency", Text),
    Column("date", Date, nullable=False),
    Column("pending_words", JSONB),
    Column("posted_words", JSONB),
    _stamped(),
    _time("decided_at"),
    Column(
        "shown_entry_id",
        Uuid,
        Computed(
            "case state when 'confirmed'::text then pending_entry_id when 'open'::text then posted_entry_id "
            "when 'undone'::text then posted_entry_id else null::uuid end",
            persisted=True,
        ),
    ),
    UniqueConstraint("pending_entry_id", "posted_entry_id", name="uq_reviews_pending_entry_id_posted_entry_id"),
    CheckConstraint("state in ('open', 'confirmed', 'declined', 'undone', 'closed')", name="state"),
    CheckConstraint("num_nonnulls(iso_currency, unofficial_currency) = 1", name="currency"),
    CheckConstraint("pending_entry_id <> posted_entry_id", name="pair"),
)
Index("ix_reviews_user_id", reviews.c.user_id, reviews.c.created_at)
Index(None, reviews.c.posted_entry_id)
Index(None, reviews.c.shown_entry_id, postgresql_where=text("shown_entry_id is not null"))
Index(
    "ix_reviews_unsettled",
    reviews.c.user_id,
    postgresql_where=text("state in ('open', 'confirmed', 'undone')"),
)

splits = Table(
    "splits",
    metadata,
    _uuid_key(),
    Column("entry_id", Uuid, ForeignKey("entries.id", ondelete="CASCADE"), nullable=False),
    _user(),
    Column("position", Integer, nullable=False),
    Column("category_id", _ID, ForeignKey("categories.id"), nullable=False),
    Column("amount", _MONEY, nullable=False),
    Column("note", Text),
    UniqueConstraint("entry_id", "position"),
    CheckConstraint("position >= 1", name="position"),
    CheckConstraint("amount <> 0", name="amount"),
    CheckConstraint("length(note) between 1 and 500", name="note"),
)
Index(None, splits.c.user_id)

category_rules = Table(
    "category_rules",
    metadata,
    _uuid_key(),
    _user(),
    Column("position", Integer, nullable=False),
    Column("name_match", Text),
    Column("name_text", Text),
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE")),
    Column("direction", Text),
    Column("min_amount", _MONEY),
    Column("max_amount", _MONEY),
    Column("bank_category_id", _ID, ForeignKey("categories.id")),
    Column("category_id", _ID, ForeignKey("categories.id"), nullable=False),
    _stamped(),
    _time("removed_at"),
    CheckConstraint("name_match in ('contains', 'equals', 'starts')", name="name_match"),
    CheckConstraint(
        "(name_match is null) = (name_text is null) and length(name_text) between 1 and 200", name="name_text"
    ),
    CheckConstraint("direction in ('in', 'out')", name="direction"),
    CheckConstraint("min_amount >= 0 and max_amount >= min_amount", name="amounts"),
    CheckConstraint(
        "num_nonnulls(name_text, account_id, direction, min_amount, max_amount, bank_category_id) > 0",
        name="conditions",
    ),
)
Index("ix_category_rules_user_id", category_rules.c.user_id, category_rules.c.position, postgresql_where=_live)
Index(None, category_rules.c.account_id, postgresql_where=text("account_id is not null"))

rule_passes = Table(
    "rule_passes",
    metadata,
    Column("user_id", _ID, ForeignKey("users.id"), primary_key=True),
    _counted("wanted", BigInteger, 1),
    _counted("done", BigInteger),
)
Index("ix_rule_passes_open", rule_passes.c.user_id, postgresql_where=text("wanted > done"))

budgets = Table(
    "budgets",
    metadata,
    _uuid_key(),
    _user(),
    Column("category_id", _ID, ForeignKey("categories.id"), nullable=False),
    Column("iso_currency", Text, nullable=False),
    Column("limit_amount", _MONEY, nullable=False),
    Column("starts_month", Date, nullable=False),
    _stamped(),
    _time("removed_at"),
    CheckConstraint("limit_amount > 0", name="limit_amount"),
    CheckConstraint("extract(day from starts_month) = 1", name="starts_month"),
)
Index(None, budgets.c.user_id)
Index(
    "uq_budgets_user_id_category_id_iso_currency",
    budgets.c.user_id,
    budgets.c.category_id,
    budgets.c.iso_currency,
    unique=True,
    postgresql_where=_live,
)


def _sealed_while_open() -> tuple[Column[Any], ...]:
    binary = [Column(name, LargeBinary) for name in ("nonce", "ciphertext", "wrapped_key")]
    return (Column("key_id", Text), *binary)


link_sessions = Table(
    "link_sessions",
    metadata,
    _uuid_key(),
    _user(),
    Column("token_sha256", LargeBinary, nullable=False),
    Column("mode", Text, nullable=False),
    Column("item_id", Uuid, ForeignKey("items.id", ondelete="SET NULL")),
    Column("hosted", Boolean, nullable=False, server_default=text("false")),
    *_sealed_while_open(),
    Column("state", Text, nullable=False, server_default=text("'open'")),
    Column("problem", Text),
    _stamped(),
    Column("expires_at", _TIME, nullable=False),
    _counted("looks"),
    _time("look_at"),
    UniqueConstraint("token_sha256"),
    CheckConstraint("mode in ('new', 'update')", name="mode"),
    CheckConstraint("state in ('open', 'told', 'finished', 'failed', 'expired')", name="state"),
    CheckConstraint("ciphertext is null or state in ('open', 'told')", name="sealed"),
)
Index(None, link_sessions.c.user_id)
Index(None, link_sessions.c.item_id)
Index(None, link_sessions.c.look_at, postgresql_where=text("hosted and state in ('open', 'told')"))

link_intents = Table(
    "link_intents",
    metadata,
    _uuid_key(),
    _user(),
    Column("session_id", Uuid, ForeignKey("link_sessions.id")),
    Column("public_sha256", LargeBinary, nullable=False),
    *_sealed_while_open(),
    Column("plaid_item_id", _ID),
    Column("state", Text, nullable=False, server_default=text("'asked'")),
    Column("problem", Text),
    _counted("tries"),
    Column("due_at", _TIME, nullable=False),
    Column("created_at", _TIME, nullable=False),
    _time("closed_at"),
    UniqueConstraint("public_sha256"),
    CheckConstraint(
        "state in ('asked', 'exchanged', 'unwanted', 'stored', 'removed', 'refused', 'lost')", name="state"
    ),
    CheckConstraint("(closed_at is null) = (state in ('asked', 'exchanged', 'unwanted'))", name="closed"),
    CheckConstraint("(closed_at is null) = (ciphertext is not null)", name="sealed"),
)
Index(None, link_intents.c.user_id)
Index(None, link_intents.c.session_id)
Index(None, link_intents.c.due_at, postgresql_where=text("closed_at is null"))

webhook_inbox = Table(
    "webhook_inbox",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _stamped("received_at"),
    Column("body", LargeBinary, nullable=False),
    Column("body_sha256", LargeBinary, nullable=False),
    Column("issued_at", _TIME, nullable=False),
    Column("webhook_type", Text, nullable=False),
    Column("webhook_code", Text, nullable=False),
    Column("plaid_item_id", _ID),
    Column("state", Text, nullable=False, server_default=text("'new'")),
    Column("trace_id", _ID),
    UniqueConstraint("body_sha256", "issued_at"),
    CheckConstraint("state in ('new', 'done', 'ignored', 'unmatched')", name="state"),
)
Index(
    "ix_webhook_inbox_open",
    webhook_inbox.c.plaid_item_id,
    webhook_inbox.c.id,
    postgresql_where=text("state in ('new', 'unmatched')"),
)

Index(None, webhook_inbox.c.trace_id, postgresql_where=text("trace_id is not null"))

sync_runs = Table(
    "sync_runs",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("item_id", Uuid, ForeignKey("items.id"), nullable=False),
    Column("started_at", _TIME, nullable=False),
    _stamped("finished_at"),
    Column("start_cursor", _ID),
    Column("end_cursor", _ID),
    *(_counted(name) for name in ("pages", "restarts", "added", "modified", "removed", "unchanged", "anomalies")),
    Column("outcome", Text, nullable=False),
    Column("error_code", Text),
    Column("request_ids", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    _traces(),
    _time("fetched_at"),
)
Index("ix_sync_runs_item_id", sync_runs.c.item_id, sync_runs.c.id)
Index(None, sync_runs.c.traces, postgresql_using="gin")

_NO_DIGEST = text("''::bytea")
page_keys = Table(
    "page_keys",
    metadata,
    Column("item_id", Uuid, ForeignKey("items.id"), primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    _stamped(),
    _counted("chained", BigInteger),
    Column("chain_sha256", LargeBinary, nullable=False, server_default=_NO_DIGEST),
    _counted("forgotten", BigInteger),
    Column("forgotten_sha256", LargeBinary, nullable=False, server_default=_NO_DIGEST),
)

plaid_pages = Table(
    "plaid_pages",
    metadata,
    Column("item_id", Uuid, ForeignKey("items.id"), nullable=False),
    Column("window_id", Uuid, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("position", BigInteger),
    Column("start_cursor", _ID),
    Column("next_cursor", _ID, nullable=False),
    Column("has_more", Boolean, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("fetched_at", _TIME, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("chain_sha256", LargeBinary),
    Column("sealed", LargeBinary, nullable=False),
    PrimaryKeyConstraint("item_id", "window_id", "ordinal"),
    UniqueConstraint("item_id", "position"),
    CheckConstraint("(position is null) = (chain_sha256 is null)", name="chained"),
)
Index(None, plaid_pages.c.fetched_at)

imports = Table(
    "imports",
    metadata,
    Column("item_id", Uuid, ForeignKey("items.id"), primary_key=True),
    _user(),
    Column("window_id", Uuid, nullable=False),
    Column("phase", Text, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    _counted("rows_stored"),
    Column("stored_from", Date),
    Column("started_at", _TIME, nullable=False),
    Column("told_at", _TIME, nullable=False),
    _time("storing_since"),
    _time("finished_at"),
    CheckConstraint("phase in ('fetching', 'storing', 'done')", name="phase"),
    CheckConstraint("extract(day from stored_from) = 1", name="stored_from"),
)

intents_applied = Table(
    "intents_applied",
    metadata,
    Column("id", Uuid, nullable=False),
    _user(),
    Column("device", _ID, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("detail", Text),
    Column("marked", JSONB, nullable=False, server_default=text("'[]'")),
    Column("subject_id", Uuid),
    Column("field", Text),
    Column("epoch", Integer),
    Column("number", BigInteger),
    _time("made_at"),
    _stamped("applied_at"),
    PrimaryKeyConstraint("user_id", "id"),
    CheckConstraint("outcome in ('applied', 'superseded', 'rejected')", name="outcome"),
    CheckConstraint("(outcome = 'applied') = (reason is null)", name="reason"),
)
Index("ix_intents_applied_device", intents_applied.c.user_id, intents_applied.c.device, intents_applied.c.sequence)
Index("ix_intents_applied_user_id", intents_applied.c.user_id, intents_applied.c.applied_at)
Index(None, intents_applied.c.applied_at)

field_versions = Table(
    "field_versions",
    metadata,
    Column("subject_id", Uuid, nullable=False),
    Column("field", Text, nullable=False),
    _user(),
    Column("epoch", Integer, nullable=False),
    Column("number", BigInteger, nullable=False),
    PrimaryKeyConstraint("subject_id", "field"),
)
Index(None, field_versions.c.user_id)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    _user(),
    Column("key", _ID, nullable=False),
    Column("request_sha256", LargeBinary, nullable=False),
    Column("status", Integer, nullable=False),
    Column("response", JSONB, nullable=False),
    _stamped(),
    PrimaryKeyConstraint("user_id", "key"),
)

owners = Table(
    "owners",
    metadata,
    Column("owner", _ID, primary_key=True),
    _counted("epoch", start=1),
    _counted("number", BigInteger),
    Column("dirty", Boolean, nullable=False, server_default=text("false")),
    _time("dirty_since"),
    Column("first_month", Date),
    _counted("clean_epoch"),
    _counted("clean_number", BigInteger),
    CheckConstraint("owner ~ '^(users|households)/[^/]+$'", name="owner"),
    CheckConstraint("extract(day from first_month) = 1", name="first_month"),
)
Index("ix_owners_dirty", owners.c.dirty_since, postgresql_where=text("dirty"))
Index(None, owners.c.first_month)


def _document_key() -> tuple[Any, ...]:
    return (
        Column("owner", _ID, nullable=False),
        Column("path", _ID, nullable=False),
        PrimaryKeyConstraint("owner", "path"),
    )


def _version() -> tuple[Column[Any], Column[Any]]:
    return Column("epoch", Integer, nullable=False), Column("number", BigInteger, nullable=False)


balance_snapshots = Table(
    "balance_snapshots",
    metadata,
    Column("account_id", Uuid, ForeignKey("accounts.id"), nullable=False),
    Column("day", Date, nullable=False),
    _user(),
    Column("current_balance", _MONEY, nullable=False),
    Column("available_balance", _MONEY),
    Column("iso_currency", Text),
    Column("unofficial_currency", Text),
    Column("taken_at", _TIME, nullable=False),
    PrimaryKeyConstraint("account_id", "day"),
)
Index(None, balance_snapshots.c.user_id)

balance_checks = Table(
    "balance_checks",
    metadata,
    Column("id", Uuid, ForeignKey("accounts.id"), primary_key=True),
    _user(),
    Column("state", Text, nullable=False),
    Column("gap", _MONEY),
    Column("since_day", Date),
    Column("until_day", Date, nullable=False),
    Column("likely", ARRAY(Uuid), nullable=False, server_default=text("'{}'")),
    Column("reason", Text),
    Column("proven", Boolean, nullable=False, server_default=text("false")),
    Column("checked_at", _TIME, nullable=False),
    CheckConstraint("state in ('unknown', 'balanced', 'gap')", name="state"),
    CheckConstraint("(state = 'gap') = (gap is not null)", name="gap"),
)
Index(None, balance_checks.c.user_id)

recurring_streams = Table(
    "recurring_streams",
    metadata,
    _uuid_key(),
    _user(),
    Column("item_id", Uuid, ForeignKey("items.id"), nullable=False),
    Column("account_id", Uuid, ForeignKey("accounts.id"), nullable=False),
    Column("plaid_stream_id", _ID, nullable=False),
    Column("direction", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("merchant_name", Text),
    Column("frequency", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("first_date", Date, nullable=False),
    Column("last_date", Date, nullable=False),
    Column("next_date", Date),
    Column("average_amount", _MONEY),
    Column("last_amount", _MONEY),
    Column("iso_currency", Text),
    Column("unofficial_currency", Text),
    Column("bank_category_id", _ID, ForeignKey("categories.id"), nullable=False),
    Column("transaction_count", Integer, nullable=False),
    Column("content_sha256", LargeBinary, nullable=False),
    _stamped(),
    _time("removed_at"),
    UniqueConstraint("item_id", "plaid_stream_id"),
    CheckConstraint("direction in ('in', 'out')", name="direction"),
)
Index(None, recurring_streams.c.user_id)
Index(None, recurring_streams.c.account_id)

changes = Table(
    "changes",
    metadata,
    *_document_key(),
    *_version(),
    Column("marked_at", _TIME, nullable=False),
    Column("trace_id", _ID),
    _time("began_at"),
    Column("origin", Text),
)
Index(None, changes.c.owner, changes.c.epoch, changes.c.number)

mirror_state = Table(
    "mirror_state",
    metadata,
    *_document_key(),
    Column("digest", LargeBinary),
    *_version(),
    Column("update_time", _TIME, nullable=False),
    Column("deleted", Boolean, nullable=False, server_default=text("false")),
)

parked_documents = Table(
    "parked_documents",
    metadata,
    *_document_key(),
    *_version(),
    Column("error_code", Text, nullable=False),
    Column("error_message", Text, nullable=False),
    _stamped("parked_at"),
    _time("dropped_at"),
    Column("dropped_by", Text),
    CheckConstraint("(dropped_at is null) = (dropped_by is null)", name="dropped"),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _stamped("at"),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("owner", _ID, nullable=False),
    Column("path", _ID, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
)
Index(None, audit_log.c.owner)

mirror_costs = Table(
    "mirror_costs",
    metadata,
    Column("owner", _ID, nullable=False),
    Column("day", Date, nullable=False),
    Column("kind", _ID, nullable=False),
    *(
        Column(name, BigInteger, nullable=False)
        for name in ("changes", "writes", "deletes", "bytes", "index_entries", "listened")
    ),
    PrimaryKeyConstraint("owner", "day", "kind"),
    postgresql_with={"fillfactor": 70},
)
Index(None, mirror_costs.c.day)

mirror_window = Table(
    "mirror_window",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default=text("true")),
    Column("first_month", Date, nullable=False),
    Column("months", Integer),
    _time("started_at"),
    _time("finished_at"),
    _counted("moved", BigInteger),
    CheckConstraint("singleton", name="singleton"),
    CheckConstraint("extract(day from first_month) = 1", name="first_month"),
    CheckConstraint("months between 1 and 240", name="months"),
)

mirror_audits = Table(
    "mirror_audits",
    metadata,
    Column("owner", _ID, primary_key=True),
    _time("audited_at"),
    _time("full_at"),
    _time("taken_until"),
    Column("level", Text),
    Column("outcome", Text),
    _counted("documents"),
    _counted("damaged"),
    _counted("repaired"),
    _counted("reads"),
    _time("full_waits_until"),
    Column("full_waits_for", Text),
    CheckConstraint("level in ('counts', 'documents', 'full')", name="level"),
    CheckConstraint("outcome in ('equal', 'busy', 'damaged', 'unfinished', 'failed')", name="outcome"),
    CheckConstraint("full_waits_for in ('too-large', 'unfinished', 'failed')", name="full_waits_for"),
)
Index("ix_mirror_audits_audited_at", mirror_audits.c.audited_at.nulls_first())
Index("ix_mirror_audits_full_at", mirror_audits.c.full_at.nulls_first())

mirror_repairs = Table(
    "mirror_repairs",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("owner", _ID, nullable=False),
    Column("path", _ID, nullable=False),
    Column("kind", Text, nullable=False),
    _time("known_update_time"),
    Column("observed_update_time", _TIME, nullable=False),
    Column("observed_digest", LargeBinary),
    Column("observed_epoch", Integer),
    Column("observed_number", BigInteger),
    *_version(),
    _stamped("found_at"),
    _time("mended_at"),
    Column("mark", _ID, nullable=False),
    CheckConstraint("kind in ('missing', 'ghost', 'different')", name="kind"),
)
Index(None, mirror_repairs.c.found_at)
Index(
    "ix_mirror_repairs_open",
    mirror_repairs.c.owner,
    mirror_repairs.c.path,
    postgresql_where=text("mended_at is null"),
)

audit_reads = Table(
    "audit_reads",
    metadata,
    Column("day", Date, nullable=False),
    Column("purpose", Text, nullable=False),
    _counted("reads", BigInteger),
    _time("next_at"),
    PrimaryKeyConstraint("day", "purpose"),
)

audit_walk = Table(
    "audit_walk",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default=text("true")),
    Column("page_token", Text, nullable=False, server_default=text("''")),
    _time("ended_at"),
    Column("collection", Text, nullable=False, server_default=text("'users'")),
    CheckConstraint("singleton", name="singleton"),
)

trace_hops = Table(
    "trace_hops",
    metadata,
    Column("owner", _ID, nullable=False),
    *_version(),
    Column("commit_name", _ID, nullable=False),
    Column("trace_id", _ID, nullable=False),
    Column("origin", Text, nullable=False),
    Column("documents", Integer, nullable=False),
    *(
        Column(name, _TIME, nullable=False)
        for name in ("began_at", "marked_at", "claimed_at", "built_at", "sent_at", "committed_at")
    ),
    Column("acknowledged_at", _TIME, nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("owner", "epoch", "number", "commit_name"),
)
Index(None, trace_hops.c.trace_id)
Index(None, trace_hops.c.acknowledged_at)

trace_screens = Table(
    "trace_screens",
    metadata,
    Column("owner", _ID, nullable=False),
    *_version(),
    Column("screen", _ID, nullable=False),
    *(Column(name, _TIME, nullable=False) for name in ("received_at", "rendered_at")),
    PrimaryKeyConstraint("owner", "epoch", "number", "screen"),
)
Index(None, trace_screens.c.received_at)

repair_requests = Table(
    "repair_requests",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("owner", _ID, nullable=False),
    Column("month", Date, nullable=False),
    Column("days", ARRAY(Date), nullable=False),
    Column("documents", Integer, nullable=False),
    Column("requested_at", _TIME, nullable=False, server_default=text("clock_timestamp()")),
)
Index("ix_repair_requests_owner", repair_requests.c.owner, repair_requests.c.requested_at)
Index(None, repair_requests.c.requested_at)
signing_keys = Table(
    "signing_keys",
    metadata,
    _uuid_key(),
    Column("public_key", LargeBinary, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    _stamped(),
    UniqueConstraint("public_key"),
)

_STEPS = ("sign-in", "banks", "rows", "documents", "head", "wait", "account", "forget", "read", "done")
erasures = Table(
    "erasures",
    metadata,
    _uuid_key(),
    Column("user_id", _ID),
    Column("user_sha256", LargeBinary, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", _TIME, nullable=False),
    Column("step", Text, nullable=False, server_default=text("'sign-in'")),
    Column("step_at", _TIME, nullable=False),
    Column("due_at", _TIME, nullable=False),
    _counted("failures"),
    Column("problem", Text),
    Column("items", ARRAY(Uuid), nullable=False, server_default=text("'{}'")),
    Column("plaid_items", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("deleted", JSONB, nullable=False, server_default=text("'{}'")),
    Column("epoch", Integer),
    _time("finished_at"),
    Column("record", JSONB),
    Column("signature", LargeBinary),
    Column("signing_key_id", Uuid, ForeignKey("signing_keys.id")),
    Column("households", JSONB, nullable=False, server_default=text("'{}'")),
    UniqueConstraint("user_id"),
    CheckConstraint("asked_by in ('user', 'operator')", name="asked_by"),
    CheckConstraint(f"step in ({', '.join(map(repr, _STEPS))})", name="step"),
    CheckConstraint("(step = 'done') = (user_id is null)", name="done"),
    CheckConstraint(
        "(step = 'done') = (num_nonnulls(finished_at, record, signature, signing_key_id) = 4)", name="signed"
    ),
)
Index(None, erasures.c.user_sha256)
Index(None, erasures.c.due_at, postgresql_where=text("user_id is not null"))

live_shapes = Table(
    "live_shapes",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default=text("true")),
    Column("epoch", Integer, nullable=False, server_default=text("1")),
    Column("shape", Integer, nullable=False, server_default=text("1")),
    Column("other", Integer),
    Column("own", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("state", Text, nullable=False, server_default=text("'still'")),
    Column("reached", _ID, nullable=False, server_default=text("''")),
    Column("marked", BigInteger, nullable=False, server_default=text("0")),
    Column("started_at", _TIME),
    _stamped("changed_at"),
    CheckConstraint("singleton", name="singleton"),
    CheckConstraint(
        "state in ('still', 'building', 'built', 'verified', 'flipping', 'flipped', 'returning', 'sweeping')",
        name="state",
    ),
    CheckConstraint("(other is null) = (state = 'still') and other <> shape", name="other"),
)

owner_shapes = Table(
    "owner_shapes",
    metadata,
    Column("owner", _ID, primary_key=True),
    Column("shape", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
)


def _household() -> Column[Any]:
    return Column("household_id", _ID, ForeignKey("households.id", ondelete="CASCADE"), nullable=False)


households = Table(
    "households",
    metadata,
    Column("id", _ID, primary_key=True, server_default=text("gen_random_uuid()")),
    Column("name", Text, nullable=False),
    _stamped(),
    CheckConstraint("id ~ '^[A-Za-z0-9-]{1,64}$'", name="id"),
    CheckConstraint("length(name) between 1 and 60", name="name"),
)

household_members = Table(
    "household_members",
    metadata,
    _household(),
    _user(),
    Column("role", Text, nullable=False, server_default=text("'member'")),
    Column("shares_all", Boolean, nullable=False, server_default=text("false")),
    _stamped("joined_at"),
    PrimaryKeyConstraint("household_id", "user_id"),
    CheckConstraint("role in ('owner', 'member')", name="role"),
)
Index(None, household_members.c.user_id)

household_shares = Table(
    "household_shares",
    metadata,
    Column("household_id", _ID, nullable=False),
    Column("user_id", _ID, nullable=False),
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    PrimaryKeyConstraint("household_id", "user_id", "account_id"),
    ForeignKeyConstraint(
        ["household_id", "user_id"], ["household_members.household_id", "household_members.user_id"], ondelete="CASCADE"
    ),
)
Index(None, household_shares.c.account_id)

household_budgets = Table(
    "household_budgets",
    metadata,
    _uuid_key(),
    _household(),
    Column("category_id", _ID, ForeignKey("categories.id"), nullable=False),
    Column("iso_currency", Text, nullable=False),
    Column("limit_amount", _MONEY, nullable=False),
    Column("starts_month", Date, nullable=False),
    _stamped(),
    _time("removed_at"),
    CheckConstraint("limit_amount > 0", name="limit_amount"),
    CheckConstraint("extract(day from starts_month) = 1", name="starts_month"),
)
Index(None, household_budgets.c.household_id)
Index(
    "uq_household_budgets_household_id_category_id_iso_currency",
    household_budgets.c.household_id,
    household_budgets.c.category_id,
    household_budgets.c.iso_currency,
    unique=True,
    postgresql_where=text("removed_at is null"),
)

household_categories = Table(
    "household_categories",
    metadata,
    _household(),
    Column("category_id", _ID, ForeignKey("categories.id", ondelete="CASCADE"), nullable=False),
    PrimaryKeyConstraint("household_id", "category_id"),
)
Index(None, household_categories.c.category_id)

household_invitations = Table(
    "household_invitations",
    metadata,
    Column("code_sha256", LargeBinary, primary_key=True),
    _household(),
    _user(),
    _stamped(),
    Column("expires_at", _TIME, nullable=False),
    _time("used_at"),
)
Index(None, household_invitations.c.household_id)
Index(None, household_invitations.c.user_id)
