"""Guards of the quarantine and its replays: switched off one by one, each must turn its test red."""

REPLAY = "tests/pipeline/test_replay.py"
TWICE = f"{REPLAY}::test_replaying_twice_never_counts_an_event_twice_also_when_the_look_back_is_over"
FORM = "tests/dags/test_treasure_hunt_replay.py::test_people_and_what_is_no_mapping_never_reach_a_run"

MUTATIONS = [
    (
        "what was replayed before is replayed again",
        "pipeline/replay.py",
        'return [row for row in rows if locate_replay(row["hour"], row["locator"]) not in replayed]',
        "return rows",
        TWICE,
    ),
    (
        "an event that was accepted since counts again",
        "sql/counted_already.sql",
        "typed_events.event_id in (select landed_events.event_id from landed_events)",
        "false",
        TWICE,
    ),
    (
        "an event that waits in another inbox is put into a second one",
        "sql/counted_already.sql",
        "or typed_events.event_id in (select trim(waiting_events.event_id) from waiting_events)",
        "",
        f"{REPLAY}::test_an_event_that_waits_in_an_inbox_is_not_put_into_another",
    ),
    (
        "rows that would be refused again are delivered",
        "pipeline/replay.py",
        "elif number in broken:",
        "elif False:",
        f"{REPLAY}::test_mapped_rows_count_in_the_next_hour_and_its_ledger_balances",
    ),
    (
        "an hour that has landed is added to",
        "pipeline/replay.py",
        'if read_manifest(Run(target, settings), "ingest_events"):',
        "if False:",
        f"{REPLAY}::test_what_cannot_be_replayed_is_one_sentence_and_nothing_is_written",
    ),
    (
        "an inbox is added to while its hour is ingested",
        "pipeline/inbox.py",
        'return alone_in(lake / "replays", with_others=True)',
        'return alone_in(lake / "replays2", with_others=True)',
        f"{REPLAY}::test_nothing_is_put_into_the_inbox_of_an_hour_that_is_being_ingested",
    ),
    (
        "a damaged inbox is read",
        "pipeline/inbox.py",
        'if not path.exists() or hash_file(path) != batch["sha256"]:',
        "if not path.exists():",
        f"{REPLAY}::test_an_inbox_with_other_bytes_stops_the_hour",
    ),
    (
        "every row beside a replayed one may be too late",
        "sql/typed_events.sql",
        "when locator in (select replayed_events.locator from replayed_events)",
        "when exists (select 1 from replayed_events)",
        f"{REPLAY}::test_a_late_row_of_the_source_is_refused_beside_a_replayed_one",
    ),
    (
        "a replayed row may come from the future",
        "sql/typed_events.sql",
        "then nullif(least(date_diff('second', read_moment(trim(occurred_at)), $hour_end), 0), 0)",
        "then null",
        "tests/sql/test_typed_events.py::test_a_replayed_event_is_never_too_late_and_still_not_of_the_future",
    ),
    (
        "excluded rows are replayed unasked",
        "pipeline/replay.py",
        '(row["rule"] == rule if rule else row["rule"] not in {EXCLUDED, ERASED})',
        '(row["rule"] == rule if rule else True)',
        f"{REPLAY}::test_what_the_source_excludes_is_left_out_unless_it_is_asked_for",
    ),
    (
        "rows that the mapping does not change are replayed too",
        "pipeline/mending.py",
        "if is_changed",
        "if is_changed is not None",
        f"{REPLAY}::test_what_the_source_excludes_is_left_out_unless_it_is_asked_for",
    ),
    (
        "a file may name rows that were not refused",
        "pipeline/mending.py",
        "unknown = [locator for locator in edits if locator not in by_locator]",
        "unknown = []",
        f"{REPLAY}::test_a_file_that_is_not_of_the_hour_is_one_sentence",
    ),
    (
        "people can be mapped",
        "pipeline/mapping.py",
        "if column in NEVER:",
        "if False:",
        "tests/pipeline/test_mapping.py::test_a_mapping_that_cannot_be_meant_is_refused",
    ),
    (
        "people can be named in the form",
        "dags/treasure_hunt_replay.py",
        'WORDS = r"^(event_type|',
        'WORDS = r"^(user_id|event_type|',
        FORM,
    ),
    (
        "a known misspelling is not mended",
        "pipeline/boundary.py",
        "    if not words:",
        "    if True:",
        "tests/pipeline/test_mapping.py::test_a_known_misspelling_is_mended_at_the_boundary_counted_and_told",
    ),
    (
        "a terminal obeys what a row holds",
        "pipeline/show.py",
        "sign if sign.isprintable() else",
        "sign if True else",
        "tests/pipeline/test_cli_quarantine.py::test_show_prints_rows_as_they_came_without_what_a_terminal_would_obey",
    ),
    (
        "somebody's edited file is overwritten",
        "pipeline/quarantine.py",
        'target.open("x", encoding="utf-8", newline="")',
        'target.open("w", encoding="utf-8", newline="")',
        "tests/pipeline/test_quarantine.py::test_a_csv_holds_every_text_and_is_never_overwritten",
    ),
    (
        "replayed rows count as a change of volume",
        "pipeline/drift.py",
        'events = events.filter(pc.is_valid(events["lag_seconds"]))',
        "events = events.slice(0)",
        f"{REPLAY}::test_replayed_rows_do_not_count_as_more_events_than_usual",
    ),
]
