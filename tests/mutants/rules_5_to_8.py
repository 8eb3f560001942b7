"""After a refusal, reconcile, shapes, the screen: how each rule is broken, and who notices."""

from __future__ import annotations

from tests.mutants.breaks import Edit, broken

_DISASTERS, _MIRROR, _SHAPES = "tests/disasters", "tests/integration/mirror", "tests/integration/shapes"
_MODEL = "tests/unit/mirror/test_model.py"
_NO_SCHEDULE = f"{_MODEL}::test_no_schedule_shows_anything_older_or_leaves_a_difference_unmarked"
_DRIFT, _REPAIR, _AUDIT = f"{_MIRROR}/test_drift.py", f"{_MIRROR}/test_repair.py", f"{_MIRROR}/test_audit.py"
_EPOCHS = f"{_SHAPES}/test_epochs.py"
_NAMES = "n.spent_on, n.pending, n.name,\n                 n.merchant_name,"

BREAKS = [
    # --- 5. after a refusal ---
    broken(
        "5", "what is there already is written again",
        f"{_DISASTERS}/test_mirror_killed.py::test_a_commit_whose_acknowledgement_never_came_is_adopted_without_a_write",
        "sync/mirror/plan.py", "        if not (basis.read and basis.digest == seen):", "        if True:",
    ),
    broken(
        "5", "whatever is newer is adopted",
        _NO_SCHEDULE,
        "sync/mirror/plan.py", "        if not (basis.read and basis.digest == seen):", "        if not basis.read:",
    ),
    broken(
        "5", "what was read to be gone is not stored",
        f"{_MODEL}::test_no_audit_breaks_a_promise_or_repairs_what_nobody_has_changed",
        "sync/mirror/plan.py", "            self._remember_absence(path, version)\n", "",
    ),
    broken(
        "5", "drift is taken for our own",
        f"{_DRIFT}::test_what_others_did_to_a_claimed_document_is_overwritten_and_counted",
        "sync/mirror/commits.py", "    outcome.drifted = [\n        path\n", "    outcome.drifted = [] and [\n        path\n",
    ),
    # --- 6. reconcile ---
    broken(
        "6.1", "the snapshot is older than what was read",
        f"{_DISASTERS}/test_random_damage.py::test_beside_writers_and_mirrors_there_is_no_false_alarm",
        "sync/audit/verify.py",
        "    reading = read_owner(firestore, owner, tally)\n    with connection, connection.cursor() as cursor:\n",
        "    with connection, connection.cursor() as cursor:\n        cursor.execute(\"select from owners\")\n"
        "        reading = read_owner(firestore, owner, tally)\n",
    ),
    broken(
        "6.1", "only known collections are read",
        f"{_DRIFT}::test_verify_names_exactly_the_damage",
        "sync/audit/reconcile.py", "for name in firestore.collections(owner) if name not in NOT_OURS]",
        'for name in firestore.collections(owner) if place(f"{owner}/{name}/x") is not None]',
    ),
    broken(
        "6.1a", "pages begin by count",
        f"{_REPAIR}::test_documents_that_go_while_a_collection_is_read_push_no_other_past_the_reader",
        "sync/mirror/firestore.py",
        '            query.start_at.CopyFrom(_Cursor(values=[{"reference_value": found[-1].name}], before=False))\n',
        "            query.offset += len(found)\n",
    ),
    broken(
        "6.2", "marked documents are judged",
        f"{_DRIFT}::test_a_marked_document_is_not_judged",
        "sync/audit/reconcile.py", "        if path in marked or _newer(state, document, reading.since):",
        "        if _newer(state, document, reading.since):",
    ),
    broken(
        "6.2", "what was mirrored since is judged",
        f"{_REPAIR}::test_what_is_mirrored_between_the_read_and_the_snapshot_is_no_false_alarm",
        "sync/audit/reconcile.py", "        if path in marked or _newer(state, document, reading.since):",
        "        if path in marked:",
    ),
    broken(
        "6.2", "what was made since is judged to be missing",
        f"{_REPAIR}::test_what_is_mirrored_between_the_read_and_the_snapshot_is_no_false_alarm",
        "sync/audit/reconcile.py", "    if state is None:\n        return False\n    return state.update_time",
        "    if state is None or document is None:\n        return False\n    return state.update_time",
    ),
    broken(
        "6.3", "a repair does not begin with the counter",
        f"{_REPAIR}::test_a_repair_waits_for_a_writer_and_then_leaves_what_it_has_marked",
        "sync/audit/repair.py", "        cursor.execute(_LOCK_OWNER, (owner,))\n", "",
    ),
    broken(
        "6.3", "a repair marks nothing",
        f"{_REPAIR}::test_a_repair_stores_what_was_seen_and_marks_with_a_new_version",
        "sync/audit/repair.py", "            cursor.execute(_MARK, ([owner] * len(marks), marks))\n", "",
    ),
    broken(
        "6.3", "a repair stores nothing",
        f"{_REPAIR}::test_a_repair_stores_what_was_seen_and_marks_with_a_new_version",
        "sync/audit/repair.py", "    set update_time = s.time, deleted = s.deleted, digest", "    set digest",
    ),
    broken(
        "6.3", "a repair is made in two transactions",
        f"{_DISASTERS}/test_repair_killed.py::test_a_repair_killed_at_any_step_is_made_once",
        "sync/audit/repair.py", "            cursor.execute(_MARK, ([owner] * len(marks), marks))\n",
        "            cursor.execute(_MARK, ([owner] * len(marks), marks))\n            connection.commit()\n"
        '            step("repair:observed")\n',
    ),
    broken(
        "6.4", "what moved meanwhile is overwritten",
        f"{_REPAIR}::test_what_moves_on_between_the_snapshot_and_the_repair_is_left_alone",
        "sync/audit/repair.py", " and m.update_time = s.known_time and m.deleted = s.known_deleted", "",
    ),
    broken(
        "6.4", "what was marked meanwhile is overwritten",
        f"{_REPAIR}::test_what_moves_on_between_the_snapshot_and_the_repair_is_left_alone",
        "sync/audit/repair.py", "    where not exists (\n        select from changes", "    where true or not exists (\n        select from changes",
    ),
    broken(
        "6.5", "a head is repaired beside marks",
        f"{_REPAIR}::test_a_head_is_left_alone_while_anything_of_its_owner_is_marked",
        "sync/audit/repair.py", "(c.path = any (s.names) or s.path = s.owner))", "c.path = any (s.names))",
    ),
    broken(
        "6.6", "a ghost of an unknown shape is marked",
        f"{_REPAIR}::test_a_shape_that_only_a_newer_process_knows_is_told_and_left",
        "sync/audit/reconcile.py", "    elif not living.understands(damage.mark):", "    elif False:",
    ),
    broken(
        "6.7", "counts beside a mirror at work are believed",
        f"{_AUDIT}::test_an_owner_with_marks_is_not_judged_by_counts",
        "sync/audit/audit_counts.py", "    if _is_busy(cursor, owner, since):", "    if False:",
    ),
    broken(
        "6.8", "what a partial reading missed is missing",
        f"{_AUDIT}::test_what_only_a_partial_reading_missed_is_not_called_missing",
        "sync/audit/audit.py", '        if missing := comparison.paths("missing"):', "        if missing := []:",
    ),
    broken(
        "6.9", "reads are counted, not granted",
        f"{_AUDIT}::test_a_page_takes_no_more_than_is_left",
        "sync/audit/audit_budget.py", "least(%(reads)s, greatest(%(most)s - a.reads, 0))", "%(reads)s",
    ),
    # --- 7. shapes ---
    broken(
        "7.1", "a mark goes when one of its documents is settled",
        f"{_EPOCHS}::test_a_mark_goes_only_when_each_of_its_documents_is_settled",
        "sync/mirror/changes.py", "if settled.issuperset(paths)]", "if not settled.isdisjoint(paths)]",
    ),
    broken(
        "7.1", "a mark asks for one of the two",
        f"{_SHAPES}/test_follower.py::test_a_client_that_follows_the_pointer_never_sees_a_gap",
        "sync/shapes/shapes.py", "        return frozenset(own | ({layout.edition} if layout is not None else set()))",
        "        return frozenset({layout.edition} if layout is not None else own)",
    ),
    broken(
        "7.2", "acknowledged under another epoch",
        f"{_EPOCHS}::test_an_acknowledgement_of_another_epoch_deletes_no_mark",
        "sync/mirror/settling.py", "    where exact.shapes = (select epoch from live_shapes)\n", "",
    ),
    broken(
        "7.2", "the row changes beside acknowledgements",
        f"{_EPOCHS}::test_the_shapes_change_only_between_acknowledgements",
        "sync/shapes/reshape.py", '            connection.execute(_LOCK, {"key": SHAPES_LOCK})\n', "",
    ),
    broken(
        "7.3", "the sweep ends when its pass does",
        f"{_SHAPES}/test_stops.py::test_a_mirror_killed_while_two_shapes_live_loses_and_doubles_nothing",
        "sync/shapes/reshape.py", "        _wait(deps, live, told, _unturned)\n", "        live.state == \"sweeping\" or _wait(deps, live, told, _unturned)\n",
        Edit("sync/shapes/reshape.py", "            if turned and not _all_turned(connection, live):",
             "            if turned and live.state != \"sweeping\" and not _all_turned(connection, live):"),
    ),
    broken(
        "7.4", "a head is turned by a claim that leaves marks",
        f"{_EPOCHS}::test_a_head_is_turned_by_the_last_commit_of_a_large_import",
        "sync/shapes/shapes.py", "        if whole:\n", "        if True:\n",
    ),
    broken(
        "7.4", "a head is turned while marks are left",
        f"{_MODEL}::test_no_change_of_shape_shows_another_state_or_leaves_anything",
        "sync/shapes/shapes.py", "        if whole:\n", "        if True:\n",
    ),
    broken(
        "7.5", "an old mirror goes on beside a newer shape",
        f"{_DISASTERS}/test_old_and_new_code.py::"
        "test_an_old_mirror_beside_a_new_one_writes_and_acknowledges_nothing_while_a_newer_shape_lives",
        "sync/mirror/claims.py", "    if not living.known:", "    if False:",
    ),
    broken(
        "7.6", "the older of two marks",
        f"{_MODEL}::test_no_change_of_shape_shows_another_state_or_leaves_anything",
        "sync/shapes/shapes.py", "    return one if other is None or one.mark.version >= other.mark.version else other", "    return one",
        Edit("sync/shapes/shapes.py", "version = marked.mark.version if held is None else max(marked.mark.version, held.version)",
             "version = marked.mark.version"),
    ),
    broken(
        "7.7", "what is always marked is never verified",
        f"{_SHAPES}/test_life.py::test_documents_that_are_always_marked_are_verified_by_what_a_mirror_committed",
        "sync/shapes/reshape.py", 'return unjudged, unjudged - {path for one in report["perUser"] for path in one["acknowledged"]}',
        "return unjudged, unjudged",
    ),
    broken(
        "7.7", "what is always marked is taken on trust",
        f"{_SHAPES}/test_life.py::test_a_marked_document_that_no_mirror_has_committed_so_is_refused",
        "sync/shapes/reshape.py", "    if doubtful:\n", "    if False:\n",
    ),
    # --- 8. what is on the screen ---
    broken(
        "8.1", "a new name leaves the month as it is",
        f"{_MIRROR}/test_receipts.py::test_whatever_a_receipt_covers_writes_a_new_one",
        "migrations/sql/0023_marks.sql", _NAMES, "n.spent_on, n.pending,",
        Edit("migrations/sql/0023_marks.sql", "o.spent_on, o.pending, o.name,\n                 o.merchant_name,",
             "o.spent_on, o.pending,"),
    ),
    broken(
        "8.1", "a dropped document leaves the month as it is",
        f"{_MIRROR}/test_parked_commands.py::test_no_receipt_accuses_a_page_of_what_an_operator_dropped",
        "sync/mirror/parked.py", "    where t.entry_id::text = %(entry)s and t.removed_at is null) as asked",
        "    where false and t.entry_id::text = %(entry)s) as asked",
    ),
    broken(
        "8.2", "half a month is judged",
        "frontend/src/features/receipt/judge.test.ts",
        "frontend/src/features/receipt/judge.ts", " || !month.complete) {", ") {",
    ),
    broken(
        "8.3", "a repair asks for no audit",
        "tests/integration/http/test_screens.py::test_who_asks_for_a_repair_is_audited_next",
        "migrations/sql/0029_household_screens.sql",
        "    insert into mirror_audits (owner) values (own) on conflict (owner) do update set audited_at = null, full_at = null;\n",
        "",
    ),
    broken(
        "8.3", "repairs without bounds",
        "tests/integration/http/test_screens.py::test_repairs_are_bounded_per_user",
        "migrations/sql/0029_household_screens.sql", "interval '1 hour') >= most then", "interval '1 hour') < 0 then",
    ),
]  # fmt: skip
