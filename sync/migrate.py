"""Brings a database to the current schema: roles, the database itself, migrations, and the window's first row.

Every replica may run it at start: an advisory lock lets one work while the others wait and then find nothing to do.
A migration is a transaction of its own, so a crash leaves the last whole one. `create_roles` needs an administrator;
everything else runs as livespend_owner. Who may call: `livespend migrate`, the local stack, test fixtures.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from sync.db import psycopg2_url
from sync.deps import utc_now
from sync.errors import MigrationFailed
from sync.mirror.window import seed_window
from sync.settings import Settings

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

_LOCK = 0x6C697665  # "live"
_LOCK_WAIT = "120s"
_DOORS = ("livespend_api", "livespend_worker", "livespend_mirror")


def migrations_folder() -> Path:
    """Where the migrations are: beside this package, or below the working directory (an installed wheel)."""
    for root in (Path(__file__).resolve().parents[1], Path.cwd()):
        if (root / "migrations" / "env.py").exists():
            return root / "migrations"
    raise MigrationFailed("there is no folder migrations/ beside the package or below the working directory")


def migrate(settings: Settings) -> list[str]:
    """Runs the migrations that are missing and seeds the window; answers their revisions. Twice is safe."""
    with _connected(settings.migration_database_url) as connection, _alone(connection):
        before = _revision(connection)
        _upgrade(connection)
        with connection.begin():
            seed_window(connection, utc_now().date(), settings.mirror_window_months)
    return [step for step in _history() if step not in _up_to(before)]


def create_roles(admin_url: str, *, database: str = "livespend") -> None:
    """Makes the roles, and the database if it is missing, as an administrator. Twice is safe.

    `admin_url` names any database of the server; the roles' passwords are the operator's.
    """
    roles = (migrations_folder() / "roles.sql").read_text()
    with _connected(admin_url) as plain:
        connection = plain.execution_options(isolation_level="AUTOCOMMIT")
        _say(connection, roles)
        quoted = connection.dialect.identifier_preparer.quote_identifier(database)
        _say(connection, "grant livespend_owner to current_user")
        if not connection.execute(text("select 1 from pg_database where datname = :n"), {"n": database}).first():
            _say(connection, f"create database {quoted} owner livespend_owner")
        _say(connection, f"alter database {quoted} owner to livespend_owner")
        _say(connection, f"revoke all on database {quoted} from public")
        _say(connection, f"grant connect on database {quoted} to {', '.join(_DOORS)}")
        _say(connection, f"grant temporary on database {quoted} to livespend_worker, livespend_mirror")


def check(url: str) -> list[str]:
    """Names every difference between a migrated database and models.py; empty when they agree."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from sync import models

    with _connected(url) as connection:
        head = _scripts().get_current_head()
        if _revision(connection) != head:
            return [f"the database is at {_revision(connection)}, the migrations at {head}"]
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        return [repr(difference) for difference in compare_metadata(context, models.metadata)]


def _upgrade(connection: Connection) -> None:
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except DBAPIError as error:
        raise MigrationFailed(str(error.orig).strip()) from error
    connection.rollback()  # Alembic leaves a read-only transaction open; each migration has committed its own


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = create_engine(
        psycopg2_url(url),
        poolclass=NullPool,
        connect_args={"application_name": "livespend migrate", "connect_timeout": 5, "options": "-c timezone=UTC"},
    )
    with engine.connect() as connection:
        yield connection


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Holds the session's advisory lock; it waits longer than any table lock may, for another replica's whole run."""
    connection.execute(text("select set_config('lock_timeout', :wait, false)"), {"wait": _LOCK_WAIT})
    connection.execute(text("select pg_advisory_lock(:key)"), {"key": _LOCK})
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(text("select pg_advisory_unlock(:key)"), {"key": _LOCK})
        connection.commit()


def _say(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement.replace("%", "%%"))


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _scripts() -> ScriptDirectory:
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config())


def _revision(connection: Connection) -> str | None:
    from alembic.migration import MigrationContext

    current = MigrationContext.configure(connection).get_current_revision()
    connection.rollback()
    return current


def _history() -> list[str]:
    return [script.revision for script in reversed(list(_scripts().walk_revisions()))]


def _up_to(revision: str | None) -> set[str]:
    if revision is None:
        return set()
    return {script.revision for script in _scripts().iterate_revisions(revision, "base")}
