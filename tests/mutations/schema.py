"""Guards of the serving database's schema."""

HERE = "tests/pipeline/serving/test_serving_migrations.py::"
MUTATIONS = [
    (
        "a migration waits for its locks as long as it takes",
        "pipeline/serving/migrate.py",
        "LOCK_MILLISECONDS = 50",
        "LOCK_MILLISECONDS = 50_000",
        f"{HERE}test_readers_wait_only_a_moment_while_a_migration_waits_for_an_analyst",
    ),
    (
        "a revision lacks a column that the code describes",
        "pipeline/serving/migrations/versions/0002_pins_outcomes_freshness.py",
        '    op.add_column("live_history", sa.Column("note", TEXT, nullable=True))\n',
        "",
        f"{HERE}test_the_first_revision_alone_is_what_older_code_wrote_into[sqlite]",
    ),
    (
        "a newer revision is taken for none",
        "pipeline/serving/migrate.py",
        "if revision is not None and revision not in known:",
        "if False:",
        f"{HERE}test_prepared_readers_go_on_while_a_migration_adds_columns[sqlite]",
    ),
    (
        "anybody tries to change the schema",
        "pipeline/serving/migrate.py",
        "                    _require_owner(connection, state)\n",
        "",
        f"{HERE}test_a_role_that_owns_nothing_is_told_to_ask_the_owner",
    ),
    (
        "old tables are taken for the first revision's",
        "pipeline/serving/migrate.py",
        "    _check_columns(connection)\n",
        "",
        f"{HERE}test_tables_older_than_the_first_revision_are_refused_and_left_alone[sqlite]",
    ),
    (
        "a migration waits holding a table",
        "pipeline/serving/migrate.py",
        'if connection.dialect.name == "postgresql" and inspect(connection).has_table(live.name):',
        "if False:",
        f"{HERE}test_readers_wait_only_a_moment_while_a_migration_waits_for_an_analyst",
    ),
]
