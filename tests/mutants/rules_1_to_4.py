"""Marks and versions, claims, commits, acknowledgements: how each rule is broken, and who notices."""

from __future__ import annotations

from tests.mutants.breaks import Edit, broken

_MARKS_SQL = "migrations/sql/0026_references.sql"
_DISASTERS, _MIRROR = "tests/disasters", "tests/integration/mirror"
_MARKS = f"{_MIRROR}/test_marks.py"
_AMBIGUOUS = f"{_DISASTERS}/test_ambiguous_commits.py"
_MODEL = "tests/unit/mirror/test_model.py"
_PAIRS = f"{_MIRROR}/test_pairs.py"
_PARKED = f"{_MIRROR}/test_parked.py"

BREAKS = [
    # --- 1. marks and versions ---
    broken(
        "1.1", "each edit leaves a mark of its own",
        f"{_DISASTERS}/test_firestore_down.py::test_firestore_away_costs_time_and_bounded_marks",
        "migrations/sql/0028_single_owner.sql", "group by path order by path\n        on conflict (owner, path) do",
        "group by path order by path\n        on conflict (owner, path, number) do",
        Edit("migrations/sql/0028_single_owner.sql", "order by m.owner, m.path\n        on conflict (owner, path) do",
             "order by m.owner, m.path\n        on conflict (owner, path, number) do"),
        Edit("migrations/sql/0001_tables.sql", "pk_changes primary key (owner, path)", "pk_changes primary key (owner, path, number)"),
    ),
    broken(
        "1.2", "the number is read before the counter is locked",
        "tests/integration/database/test_versions.py::test_versions_are_given_out_in_the_order_of_commits",
        "migrations/sql/0028_single_owner.sql", "where owner = single for update;", "where owner = single;",
    ),
    broken(
        "1.3", "replayed rows mark nothing",
        "tests/integration/database/test_catalogue.py::test_every_projected_table_has_four_triggers_that_always_fire",
        "migrations/sql/0001_marks.sql", "enable always trigger marks_update, '", "enable trigger marks_update, '",
    ),
    broken(
        "1.3", "an update typed in SQL marks nothing",
        f"{_MIRROR}/test_documents.py::test_an_update_typed_in_sql_reaches_firestore_while_a_mirror_runs",
        "migrations/sql/0023_marks.sql", "            where (n.user_id, n.entry_id, n.account_id,", "            where false and (n.user_id, n.entry_id, n.account_id,",
    ),
    broken(
        "1.4", "looked at and cleared in one statement",
        f"{_MARKS}::test_a_flag_is_not_cleared_over_a_mark_committed_meanwhile",
        "sync/mirror/settling.py", '= any (%s) order by owner for update skip locked"', '= any (%s) order by owner"',
    ),
    broken(
        "1.4", "cleared although a mark is left",
        f"{_MARKS}::test_the_watermark_rises_only_when_no_mark_is_left",
        "sync/mirror/settling.py", "where o.owner = any (%s) and not exists (", "where o.owner = any (%s) and exists (select) or exists (",
    ),
    broken(
        "1.5", "waits for the counter",
        f"{_MARKS}::test_a_mark_that_a_writer_holds_is_skipped_at_once",
        "sync/mirror/settling.py", '= any (%s) order by owner for update skip locked"', '= any (%s) order by owner for update"',
    ),
    broken(
        "1.5", "a busy counter is not looked at again",
        f"{_MARKS}::test_an_owner_whose_counter_is_held_is_looked_at_again_at_once",
        "sync/mirror/verdicts.py", "            self._look_again(owner)", "            pass",
    ),
    broken(
        "1.6", "no sweep after a reconnect",
        f"{_DISASTERS}/test_ledger_cut_off.py::test_a_mirror_that_lost_the_ledger_listens_and_sweeps_again",
        "sync/mirror/mirror.py", "                self._next_sweep = 0.0\n                self._shift.log.info",
        "                self._shift.log.info",
    ),
    broken(
        "1.6", "bells that a query took off the wire are left lying",
        f"{_DISASTERS}/test_bells.py::test_no_edit_waits_for_the_sweep",
        "sync/mirror/mirror.py", "        rung = session.rung() | self._heard()\n", "        rung = self._heard()\n",
    ),
    broken(
        "1.6", "no sweep after a silence of Redis",
        f"{_DISASTERS}/test_redis_bells.py::test_a_redis_that_comes_back_is_heard_again_after_a_sweep",
        "sync/mirror/mirror.py", "        if ears.missed():", "        if ears.missed() and False:",
    ),
    broken(
        "1.7", "the watermark rises above the counter",
        f"{_MARKS}::test_the_watermark_rises_only_when_no_mark_is_left",
        "sync/mirror/settling.py", "clean_number = o.number\n", "clean_number = o.number + 1\n",
    ),
    broken(
        "1.8", "looks without the counter",
        "tests/integration/database/test_references.py::"
        "test_of_a_row_and_the_end_of_what_it_refers_to_at_once_one_is_refused",
        _MARKS_SQL, "    perform lock_owners(array(select distinct 'users/' || of_user from unnest(of_users) as of_user));",
        "    null;",
    ),
    broken(
        "1.8", "looks in a snapshot older than the lock",
        "tests/integration/database/test_references.py::"
        "test_a_snapshot_that_is_older_than_the_lock_writes_no_references",
        _MARKS_SQL, "    if current_setting('transaction_isolation') <> 'read committed' then", "    if false then",
    ),
    # --- 2. claim and build ---
    broken(
        "2.1", "each statement of a claim has a moment of its own",
        f"{_MIRROR}/test_claims.py::test_a_claim_belongs_to_one_moment",
        "sync/mirror/session.py", "begin isolation level repeatable read, read only", "begin isolation level read committed",
    ),
    broken(
        "2.1", "the snapshot stays open while the commit is under way",
        f"{_MIRROR}/test_claims.py::test_no_snapshot_is_held_while_a_commit_is_under_way",
        "sync/mirror/session.py", '                cursor.execute("rollback")', "                pass",
        Edit("sync/mirror/session.py", "        if not self.begun:", "        if not self.begun and not self.connection.info.transaction_status:"),
    ),
    broken(
        "2.2", "update times are read when the commit is sent",
        f"{_DISASTERS}/test_two_mirrors.py::test_a_mirror_that_was_overtaken_between_building_and_sending_is_refused",
        "sync/mirror/commits.py", "        committed = firestore.commit([write.request for write in plan.writes])\n",
        "        there = firestore.read([write.path for write in plan.writes])\n"
        "        requests = [Known.FromString(write.request) for write in plan.writes]\n"
        "        for write, request in zip(plan.writes, requests, strict=True):\n"
        "            if there[write.path] is not None:\n"
        "                request.current_document.update_time.CopyFrom(there[write.path].update_time)\n"
        "        committed = firestore.commit([request.SerializeToString() for request in requests])\n",
        Edit("sync/mirror/commits.py", "from sync.steps import step\n",
             "from google.cloud.firestore_v1.types import write as types\nfrom sync.steps import step\n\nKnown = types.Write.pb()\n"),
    ),
    broken(
        "2.3", "content that seems unchanged is not written",
        f"{_AMBIGUOUS}::test_an_edit_there_and_back_still_fences_off_the_delayed_commit_in_between",
        "sync/mirror/plan.py", "        basis, seen = self._basis(path), digest(encoded, path)\n",
        "        basis, seen = self._basis(path), digest(encoded, path)\n"
        "        held = self.claim.held(path)\n"
        "        if held is not None and not held.deleted:\n"
        "            as_before = self._encoded(path, held.version, content)\n"
        "            if as_before is not None and digest(as_before, path) == held.digest:\n"
        "                self.settled.marks.append((path, version))\n"
        "                return\n",
    ),
    broken(
        "2.4", "a creation leaves the head alone",
        f"{_AMBIGUOUS}::test_a_delayed_creation_cannot_undo_a_creation_and_deletion_since",
        "sync/mirror/plan.py", "        self.needs_head = self.needs_head or (update_time is None and path != self.owner)\n", "",
    ),
    broken(
        "2.4", "an absent document is acknowledged without the head",
        f"{_AMBIGUOUS}::test_a_delayed_creation_cannot_bring_back_what_was_removed_since",
        "sync/mirror/plan.py", "        self.needs_head = True\n", "",
    ),
    broken(
        "2.4", "the head is written twice alike",
        f"{_MIRROR}/test_heads.py::test_no_head_is_ever_written_twice_alike",
        "sync/mirror/plan.py", '            "commit": self.stamp.commit,\n', '            "commit": "",\n',
        Edit("sync/mirror/plan.py", '            "mirroredAt": self.stamp.now,\n', '            "mirroredAt": None,\n'),
    ),
    broken(
        "2.4", "the first head is not alone",
        f"{_MIRROR}/test_heads.py::test_the_first_commit_of_an_owner_is_the_head_alone",
        "sync/mirror/plan.py", "        elif self.claim.owner.exists and self._basis(self.owner).update_time is None:",
        "        elif False:",
        Edit("sync/mirror/plan.py", "        elif self.needs_head or self.settled", "        elif self._basis(self.owner).update_time is None or self.needs_head or self.settled"),
    ),
    broken(
        "2.5", "a stranger's commit is skipped",
        f"{_DISASTERS}/test_strangers_commit.py::test_a_row_made_by_a_dead_mirror_and_removed_since_does_not_stay",
        "sync/mirror/plan.py", "return basis.read and basis.update_time != known and self.owner in moves", "return False",
    ),
    broken(
        "2.5", "the head is read last",
        f"{_MIRROR}/test_heads.py::test_after_a_refusal_the_head_is_read_before_the_rest",
        "sync/mirror/commits.py", "        found = firestore.read([owner])\n"
        "        found |= firestore.read(path for path in held if path != owner)\n",
        "        found = firestore.read(path for path in held if path != owner)\n"
        "        found |= firestore.read([owner])\n",
    ),
    broken(
        "2.5", "what was found beside a stranger's head is not stored",
        f"{_MODEL}::test_what_a_dead_mirror_has_made_beside_a_part_that_is_claimed_is_not_forgotten",
        "sync/mirror/plan.py", "            self._remember_what_was_read()\n", "            pass\n",
    ),
    broken(
        "2.6", "a window that moves marks nothing",
        f"{_MIRROR}/test_window.py::test_moving_the_window_takes_rows_away_and_brings_them_back",
        "migrations/sql/0025_households.sql",
        "    perform mark_documents(array_fill(new.owner, array[cardinality(changed_paths)]), changed_paths);", "    null;",
    ),
    broken(
        "2.6", "everybody's window is the goal",
        f"{_MIRROR}/test_window.py::test_months_enter_newest_first_a_step_each_and_every_step_is_the_truth",
        "sync/mirror/marks.py", "    o.first_month, u.id", "    (select first_month from mirror_window), u.id",
    ),
    broken(
        "2.7", "marks of a newer shape are acknowledged",
        f"{_MIRROR}/test_documents.py::test_marks_of_a_newer_shape_are_left_for_a_newer_mirror",
        "sync/mirror/claims.py",
        "        if mine:", "        if True:",
    ),
    # --- 3. commit ---
    broken(
        "3.1", "writes without a precondition",
        f"{_AMBIGUOUS}::test_a_delayed_update_cannot_win_over_a_newer_one",
        "sync/mirror/encode.py", "    return wire.update(encoded.body, name.encode(), wire.required(update_time))",
        '    return wire.update(encoded.body, name.encode(), b"")',
    ),
    broken(
        "3.1", "deletions without a precondition",
        f"{_AMBIGUOUS}::test_a_delayed_deletion_of_what_moves_no_total_cannot_take_it_away_either",
        "sync/mirror/encode.py", "    return wire.delete(name.encode(), wire.required(update_time))",
        '    return wire.delete(name.encode(), b"")',
    ),
    broken(
        "3.1", "a commit that was not answered is sent again at once",
        f"{_AMBIGUOUS}::test_an_ambiguous_commit_is_read_before_anything_is_written_again",
        "sync/mirror/commits.py", "        committed = firestore.commit([write.request for write in plan.writes])\n",
        "        try:\n"
        "            committed = firestore.commit([write.request for write in plan.writes])\n"
        "        except FirestoreTransient:\n"
        "            committed = firestore.commit([write.request for write in plan.writes])\n",
        Edit("sync/mirror/commits.py", "FirestoreQuota, FirestoreRefused\n", "FirestoreQuota, FirestoreRefused, FirestoreTransient\n"),
    ),
    broken(
        "3.2", "rows go first, totals follow",
        f"{_PAIRS}::test_a_listener_never_sees_a_row_without_its_month",
        "sync/mirror/claims.py", "    part = _Part(known, {}, frozenset(), {}) if len(known) <= room",
        '    rows = {path: marked for path, marked in known.items() if kind_of(path) != "months"}\n'
        "    part = _Part(rows or known, {}, frozenset(), {}) if len(known) <= room",
    ),
    broken(
        "3.3", "the oldest month goes first",
        f"{_PAIRS}::test_more_marks_than_a_request_holds_go_month_by_month_newest_first",
        "sync/mirror/claims.py", "    for name in sorted(groups, reverse=True):", "    for name in sorted(groups):",
    ),
    broken(
        "3.3", "half a month says nothing of it",
        f"{_PAIRS}::test_a_month_larger_than_a_request_is_not_shown_as_complete_until_it_is",
        "sync/mirror/claims.py", "            begun = frozenset(path for path in group if path in months)\n", "",
    ),
    broken(
        "3.3", "a month that waits for its turn stays complete",
        f"{_PAIRS}::test_a_month_that_waits_for_its_turn_is_not_shown_as_complete",
        "sync/mirror/claims.py", "    unfinished = {path: marked for path, marked in months.items() if path not in claimed}\n",
        "    unfinished = {path: marked for path, marked in months.items() if path in begun}\n",
    ),
    broken(
        "3.4", "no pace",
        f"{_MIRROR}/test_write_counts.py::test_edits_inside_a_pacing_window_are_one_trailing_commit_of_the_whole_pair",
        "sync/mirror/rounds.py", "        elif (waits := self._hot(claim, plan)) > 0:", "        elif (waits := 0.0) > 0:",
    ),
    broken(
        "3.5", "the first refusal for the content is poison",
        f"{_PARKED}::test_an_update_time_ahead_of_a_restored_servers_clock_is_no_poison",
        "sync/mirror/commits.py", "        if fresh:\n", "        if True:\n",
    ),
    broken(
        "3.5", "poison is never believed",
        f"{_PARKED}::test_a_poison_row_is_replaced_in_the_commit_that_carries_the_rest",
        "sync/mirror/commits.py", "        if fresh:\n", "        if False:\n",
    ),
    broken(
        "3.6", "narrowing applies what holds",
        f"{_PARKED}::test_a_poison_row_is_replaced_in_the_commit_that_carries_the_rest",
        "sync/mirror/commits.py", "        firestore.commit([*(write.request for write in writes), tripwire])\n",
        "        firestore.commit([write.request for write in writes])\n        return None\n",
    ),
    broken(
        "3.6", "a newer mark is refused for what an older one was",
        f"{_PARKED}::test_a_newer_mark_unparks",
        "sync/mirror/plan.py", "if parked == version else None", "if parked is not None else None",
    ),
    broken(
        "3.6", "a dropped document is shown",
        f"{_MIRROR}/test_parked_commands.py::test_a_dropped_document_stays_away_until_it_is_retried",
        "sync/mirror/claims.py", "if marked.dropped}", "if False}",
    ),
    # --- 4. acknowledge ---
    broken(
        "4.1", "mirror state goes back",
        f"{_MARKS}::test_mirror_state_only_moves_forward",
        "sync/mirror/settling.py", "    where excluded.update_time > s.update_time\n", "",
    ),
    broken(
        "4.2", "marks are deleted by path",
        f"{_MARKS}::test_a_mark_renewed_since_the_claim_stays",
        "sync/mirror/settling.py", " and c.epoch = exact.epoch and c.number = exact.number", "",
    ),
    broken(
        "4.2", "a locked mark is waited for",
        f"{_MARKS}::test_a_mark_that_a_writer_holds_is_skipped_at_once",
        "sync/mirror/settling.py", "for update of c skip locked)", "for update of c)",
    ),
    broken(
        "4.3", "a lock is waited for, however long",
        f"{_DISASTERS}/test_two_mirrors.py::test_a_mirror_that_hangs_holds_no_user_for_ever",
        "sync/mirror/rounds.py", "            if not (locked or self._rota.is_overdue(owner)):", "            if not locked:",
    ),
    broken(
        "4.4", "a bell during an acknowledgement is forgotten",
        "tests/unit/mirror/test_pacing.py::test_a_bell_that_rings_while_an_owner_is_being_acknowledged_is_remembered",
        "sync/mirror/rota.py", "        rang = owner in self._rang_meanwhile\n", "        rang = False\n",
    ),
    broken(
        "4.4", "an acknowledgement that was cut off is given up",
        f"{_DISASTERS}/test_ledger_cut_off.py::test_an_acknowledgement_that_was_cut_off_is_written_once_the_ledger_is_back",
        "sync/mirror/acknowledger.py", "            if self._pause(failures):\n                return\n", "            return\n",
    ),
]  # fmt: skip
