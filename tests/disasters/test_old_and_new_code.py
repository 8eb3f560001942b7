"""Old code on the new schema, new code on the old data: what is not understood stays, or is refused by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sync.audit.verify import verify
from sync.errors import SchemaTooOld, ShapeUnknown
from sync.schema import require_schema
from sync.shapes import reshape
from tests.fixtures.shapes import TWO_SHAPES, shaped_process, untold


@pytest.fixture
def closing_shapes():
    """A mirror of one shape must not look at a ledger that has come to two: the new code ends each test."""
    return TWO_SHAPES


def test_old_code_works_on_a_schema_with_tables_and_columns_it_does_not_know(
    books, mirrored, assert_mirrored, mirror_deps, database
):
    ada = books()
    mirrored()
    for table in ("transactions", "entries", "changes", "mirror_state", "owners", "live_shapes", "users"):
        database.sql(f"alter table {table} add column of_a_newer_release text default 'x'")
    database.sql("create table of_a_newer_release (id text primary key)")

    rows = ada.add(3)
    ada.categorize(rows[0], "TRAVEL")
    deps = mirror_deps()
    require_schema(deps.engine)
    mirrored()

    assert_mirrored()
    assert verify(deps)["equal"]


def test_old_code_leaves_marks_of_kinds_it_does_not_know(books, mirrored, database, mirror_deps, firestore_server):
    ada = books()
    rows = ada.add(2)
    for path in ("users/ada/futures/x", "users/ada/transactions_v7/x", "users/ada/transactions/x/notes/1"):
        database.sql("select mark_documents(array['users/ada'], array[%s])", path)

    mirrored(stop_when=lambda: database.sql("select count(*) from changes") == [(3,)])

    assert {path for (path,) in database.sql("select path from changes")} == {
        "users/ada/futures/x", "users/ada/transactions_v7/x", "users/ada/transactions/x/notes/1"
    }  # fmt: skip
    assert all(ada.path("transactions", row) in firestore_server.documents() for row in rows)
    database.sql("delete from changes")
    mirrored()
    assert verify(mirror_deps())["equal"]


def test_an_old_mirror_beside_a_new_one_writes_and_acknowledges_nothing_while_a_newer_shape_lives(
    books, running_mirror, mirrored, shaped, stopped_build, assert_shape, database, eventually, clean
):
    ada = books()
    rows = ada.add(4)
    mirrored()
    stopped_build()
    old = running_mirror(sweep_seconds=0.1)
    ada.categorize(rows[0], "TRAVEL")
    waiting = database.sql("select owner, path, number from changes order by path")
    eventually(lambda: old.counts["unclaimed"] >= 3)
    assert database.sql("select owner, path, number from changes order by path") == waiting
    assert (old.counts["written"], old.counts["deleted"]) == (0, 0)

    running_mirror(shapes=TWO_SHAPES, sweep_seconds=0.1)
    reshape.build(shaped, 2, untold)
    reshape.flip(shaped, untold)
    reshape.sweep(shaped, untold)
    ada.annotate(rows[1], "by the new release")
    eventually(clean)

    assert (old.counts["written"], old.counts["deleted"]) == (0, 0)
    assert_shape(2)


def test_after_the_release_is_rolled_back_abort_puts_the_old_mirrors_back_to_work(
    books, mirrored, running_mirror, mirror_deps, stopped_build, assert_mirrored, database, eventually, clean
):
    """The old release knows nothing of shape 2 but its name in the row, and drops it whole."""
    ada = books()
    rows = ada.add(4)
    mirrored()
    stopped_build()
    ada.categorize(rows[1], "MEDICAL")
    mirrored(shapes=TWO_SHAPES)
    ada.categorize(rows[0], "TRAVEL")
    old = mirror_deps()
    running_mirror(sweep_seconds=0.1)

    with pytest.raises(ShapeUnknown):
        verify(old)
    with pytest.raises(ShapeUnknown):
        reshape.build(old, 2, untold)
    assert reshape.abort(old, untold).live.state == "still"
    eventually(clean)

    assert_mirrored()
    assert verify(old)["equal"]


def test_new_code_reads_old_data_as_it_is(books, mirrored, assert_mirrored, database, mirror_deps):
    """Documents of before shapes: no row of owner_shapes, a head that an older release wrote."""
    ada = books()
    rows = ada.add(3)
    mirrored()
    database.sql("delete from owner_shapes")
    ada.annotate(rows[0], "after the upgrade")

    mirrored(shapes=TWO_SHAPES)

    assert_mirrored()
    assert verify(mirror_deps(shapes=TWO_SHAPES))["equal"]


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("drop table owner_shapes", "owner_shapes"),
        ("alter table live_shapes drop column own", "live_shapes.own"),
        ("drop table live_shapes, owner_shapes", "live_shapes, owner_shapes"),
    ],
)
def test_new_code_refuses_an_old_schema_by_name_at_start(statement, named, database, mirror_deps, firestore_server):
    database.sql(statement)

    with pytest.raises(SchemaTooOld, match=named):
        require_schema(mirror_deps().engine)
    with shaped_process(database, firestore_server, "mirror", "--until-clean") as process:
        assert process.wait(60) == 1
        assert process.stderr is not None
        words = process.stderr.read().decode()
    assert words.startswith("schema-too-old: ")
    assert named in words


def test_every_error_of_this_disaster_ends_a_command_with_its_code(books, mirrored, database, firestore_server):
    books()
    mirrored()
    database.sql("update live_shapes set shape = 9, epoch = epoch + 1")

    with shaped_process(database, firestore_server, "mirror", "verify", "--json") as process:
        assert process.wait(60) == 1
        assert process.stderr is not None
        assert process.stderr.read().decode().startswith("shape-unknown: ")
    database.sql("update live_shapes set shape = 1, epoch = epoch + 1")  # nobody has built a shape 9
    answer = subprocess.run(
        [sys.executable, "-m", "workers.cli", "mirror", "shape", "--help"], capture_output=True, check=True, timeout=60
    )
    assert all(name in answer.stdout.decode() for name in ("abort", "build", "flip", "plan", "status", "sweep"))
