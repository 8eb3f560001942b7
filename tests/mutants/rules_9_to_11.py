"""Intents, erasing, households: how each rule is broken, and who notices."""

from __future__ import annotations

from tests.mutants.breaks import Edit, broken

_FEED, _SETTLE = "tests/integration/intents/test_feed.py", "tests/integration/intents/test_settle.py"
_ERASE, _HOMES_SQL = "tests/integration/erase/test_erase.py", "migrations/sql/0025_households.sql"
_SHARED, _JOINED = "tests/integration/mirror/test_households.py", "tests/integration/ledger/test_households.py"

BREAKS = [
    # --- 9. intents ---
    broken(
        "9.1", "answered before is not looked for",
        f"{_FEED}::test_killed_at_each_step_nothing_is_lost_or_doubled",
        "sync/intents/intents.py", "            if standing.outcome is not None:", "            if False:",
    ),
    broken(
        "9.1", "the document goes before the ledger has it",
        f"{_FEED}::test_killed_at_each_step_nothing_is_lost_or_doubled",
        "sync/intents/intent_feed.py", '        step("intents:found")\n',
        '        self._delete([(intent.path, intent.update_time)])\n        step("intents:found")\n',
    ),
    broken(
        "9.2", "rows go before the oldest intent is too old",
        f"{_SETTLE}::test_an_old_intent_is_refused_and_rows_outlive_the_oldest_accepted_one",
        "sync/intents/intents.py", "intent_max_age_days) + 2 * AHEAD", "intent_max_age_days)",
    ),
    broken(
        "9.3", "what the API has done is done again",
        f"{_SETTLE}::test_what_the_api_has_done_under_the_same_key_is_not_done_again",
        "sync/intents/intents.py", "        if by_the_api is not None:", "        if False:",
    ),
    broken(
        "9.3", "the API does what an intent has done",
        f"{_SETTLE}::test_what_an_intent_has_done_the_api_does_not_do_again",
        "sync/idempotency.py", "        if _applied_as_intent(connection, named):", "        if False:",
    ),
    broken(
        "9.4", "another user's rows are within reach",
        f"{_SETTLE}::test_another_users_entry_is_as_unknown_as_none",
        "migrations/sql/0001_access.sql",
        "own_rows on %1$I to livespend_api using (%2$s = nullif(current_setting(''app.user_id'', true), ''''))'",
        "own_rows on %1$I to livespend_api using (true)'",
    ),
    broken(
        "9.5", "a gap is not waited for",
        f"{_SETTLE}::test_a_gap_waits_a_bounded_time",
        "sync/intents/intents.py", "    if intent.problem is not None or intent.sequence <= (standing.reached or 0) + 1:", "    if True:",
    ),
    broken(
        "9.5", "a late one has the last word",
        f"{_SETTLE}::test_after_that_time_it_goes_on_and_the_late_one_cannot_undo_it",
        "sync/intents/intents.py", " and i.sequence < :sequence", "",
    ),
    broken(
        "9.6", "nothing is superseded",
        f"{_SETTLE}::test_a_field_changed_after_what_was_seen_supersedes",
        "sync/intents/intents.py", "            if unseen and marks:", "            if False:",
    ),
    broken(
        "9.6", "a device supersedes itself",
        f"{_SETTLE}::test_a_device_does_not_supersede_itself_but_another_device_does",
        "sync/intents/intents.py", "      and not exists (select from intents_applied as i", "      and not exists (select from intents_applied as i where false) and not exists (select from users as i",
    ),
    broken(
        "9.6", "a writer beside the API leaves the version as it was",
        f"{_SETTLE}::test_every_field_of_the_users_is_guarded",
        "migrations/sql/0027_stamps.sql", "                case when n.note is distinct from o.note then 'note' end,\n", "",
    ),
    broken(
        "9.7", "a silent listener is believed",
        f"{_FEED}::test_a_silent_listener_is_opened_anew_without_any_poll",
        "sync/intents/intent_feed.py", "            if now - self._heard > settings.intent_silence_seconds:", "            if False:",
    ),
    broken(
        "9.7", "no poll",
        f"{_FEED}::test_a_listener_that_fell_silent_is_found_out_and_the_poll_stands_behind_it",
        "sync/intents/intent_feed.py", "            if now >= next_poll:", "            if False:",
    ),
    broken(
        "9.8", "a flood is kept in memory",
        "tests/unit/core/test_turns.py::test_of_one_user_so_many_are_kept_and_the_rest_is_fetched_when_they_are_done",
        "sync/intents/turns.py", "            if len(user.waiting) >= self._held:", "            if False:",
    ),
    broken(
        "9.8", "one user has every turn",
        "tests/unit/core/test_turns.py::test_a_flood_costs_another_user_one_turn",
        "sync/intents/turns.py", "            self._users.move_to_end(user_id)\n", "",
    ),
    broken(
        "9.8", "no hourly limit",
        f"{_FEED}::test_a_flood_is_bounded_and_another_user_is_served_meanwhile",
        "sync/intents/intents.py", "    if standing.recent >= deps.settings.intent_hourly_limit:", "    if False:",
    ),
    # --- 10. erasing a user ---
    broken(
        "10.1", "the API goes on",
        f"{_ERASE}::test_from_the_request_on_the_api_refuses_the_user_and_nobody_else",
        "migrations/sql/0017_erasures.sql", "    select session_user = 'livespend_api' and exists", "    select false and exists",
    ),
    broken(
        "10.2", "the head goes with the rest",
        f"{_ERASE}::test_the_head_is_the_last_document_to_go",
        _HOMES_SQL, "case when t.name = 'users' then 'head' when", "case when",
    ),
    broken(
        "10.3", "no wait before the reading",
        f"{_ERASE}::test_it_is_not_done_before_the_last_token_has_expired",
        "sync/erase/erase.py", "    if deps.now() < until:", "    if False:",
    ),
    broken(
        "10.3", "signed unread",
        "tests/integration/erase/test_late_head.py::test_a_first_head_that_lands_after_the_deletion_is_found_and_deleted",
        "sync/erase/erase.py", "    if found or account or any(rows.values()):", "    if False:",
    ),
    broken(
        "10.3", "the wait does not begin anew",
        f"{_ERASE}::test_what_comes_back_while_it_waits_is_deleted_and_the_wait_begins_anew",
        "sync/erase/erase.py", '"wait" if found else "account")', '"account")',
    ),
    broken(
        "10.4", "a uid that comes back begins at the first epoch",
        f"{_ERASE}::test_a_uid_that_comes_back_begins_above_what_a_browser_may_still_hold",
        "migrations/sql/0017_erasures.sql", "    new.epoch := greatest(new.epoch, 1 + coalesce((", "    new.epoch := greatest(new.epoch, 0 * coalesce((",
    ),
    broken(
        "10.5", "a table is forgotten",
        f"{_ERASE}::test_every_table_is_reached_or_holds_nobodys_rows",
        _HOMES_SQL, "relkind in ('r', 'p') and relname <> 'erasures'", "relkind in ('r', 'p') and relname not in ('erasures', 'budgets')",
    ),
    # --- 11. households ---
    broken(
        "11.1", "a private account marks the household",
        f"{_SHARED}::test_a_private_account_marks_nothing_of_the_household",
        _HOMES_SQL, "        where m.shares_all or s.account_id is not null;\n    end if;\n    perform mark_shared", "        where true;\n    end if;\n    perform mark_shared",
    ),
    broken(
        "11.1", "a note marks the household",
        f"{_SHARED}::test_a_note_marks_nothing_of_the_household",
        _HOMES_SQL,
        "    where (n.user_category_id, n.rule_category_id, n.removed_at) is distinct from (o.user_category_id, o.rule_category_id, o.removed_at);",
        "    where true;",
    ),
    broken(
        "11.1", "a category of a shared row marks nothing",
        f"{_SHARED}::test_each_kind_of_edit_of_a_shared_row_reaches_the_household",
        _HOMES_SQL,
        "    where (n.user_category_id, n.rule_category_id, n.removed_at) is distinct from (o.user_category_id, o.rule_category_id, o.removed_at);",
        "    where false;",
    ),
    broken(
        "11.2", "a membership changes without the user's counter",
        f"{_JOINED}::test_whoever_types_a_membership_waits_for_an_import_and_then_shows_its_rows",
        _HOMES_SQL, "    perform lock_owners(array['users/' || me, 'households/' || joined]);", "    perform lock_owners(array['households/' || joined]);",
        Edit(
            _HOMES_SQL,
            "        where (n.role, n.shares_all, n.joined_at) is distinct from (o.role, o.shares_all, o.joined_at);\n"
            "    end if;\n"
            "    perform lock_owners(array(select 'users/' || (t ->> 'u') from jsonb_array_elements(touched) as t\n"
            "                              union select",
            "        where (n.role, n.shares_all, n.joined_at) is distinct from (o.role, o.shares_all, o.joined_at);\n"
            "    end if;\n"
            "    perform lock_owners(array(select",
        ),
    ),
    broken(
        "11.3", "who takes somebody out locks only themselves",
        f"{_JOINED}::test_two_who_take_each_other_out_do_not_deadlock",
        _HOMES_SQL, "    if with_everybody then\n        perform lock_owners(array(select 'users/' || unnest(people)) || ('households/' || of_household));",
        "    if with_everybody then\n        perform lock_owners(array['users/' || me]);",
    ),
    broken(
        "11.3", "households' counters are taken first",
        f"{_JOINED}::test_nobody_deadlocks_who_edits_shared_rows_while_members_come_and_go",
        "migrations/sql/0013_reconcile.sql", "    order by owner like 'households/%', owner\n    for update;",
        "    order by owner not like 'households/%', owner\n    for update;",
    ),
    broken(
        "11.4", "the member document goes last",
        f"{_SHARED}::test_of_a_large_leave_the_member_document_goes_in_the_first_commit",
        "sync/mirror/claims.py", "        else:\n            claimed[path] = marked\n", '        else:\n            groups["0"][path] = marked\n',
    ),
    broken(
        "11.5", "an erased user stays a member",
        "tests/integration/erase/test_households.py::test_an_erased_member_takes_what_they_shared_and_nobody_elses",
        "sync/erase/erase.py", "    erasures.leave_households(deps, erasure)\n", "",
    ),
    broken(
        "11.5", "what households have to delete is not waited for",
        "tests/integration/erase/test_households.py::test_an_erasure_waits_for_what_households_still_have_to_delete",
        "sync/erase/erasures.py", "    where e.id = :id\n\"\"\")\n_LEAVE", "    where false and e.id = :id\n\"\"\")\n_LEAVE",
    ),
    broken(
        "11.5", "member documents are not read again",
        "tests/integration/erase/test_households.py::test_a_member_document_that_comes_back_is_found_by_the_last_reading",
        "sync/erase/erase.py", '*(f"{owner}/members/{erasure.user_id}" for owner in erasure.households)', "*()",
    ),
]  # fmt: skip
