"""User u1 at the local Plaid."""

from __future__ import annotations

import pytest

from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor
from tests.fixtures.plaid import PlaidServer
from tests.integration.linking.scene import Scene


@pytest.fixture
def scene(deps_for: DepsFor, database: Database, plaid_server: PlaidServer) -> Scene:
    """User u1, signed up, with no bank yet."""
    database.sql("insert into users (id) values ('u1')")
    return Scene(deps_for, database, plaid_server)
