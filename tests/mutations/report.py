"""Guards of what every rule found, the report and its tables."""

MUTATIONS = [
    (
        "hours before a refused one are left half done",
        "pipeline/backfill.py",
        "refused, going = error, going[:through]",
        "refused, going = error, []",
        "tests/pipeline/test_backfill.py::test_a_refused_hour_ends_a_backfill_and_leaves_the_hours_before_it",
    ),
    (
        "a failed attempt loses what the rules found",
        "pipeline/lake.py",
        "self.quality += failed.findings",
        "pass",
        "tests/pipeline/test_audit.py::test_a_failed_audit_leaves_its_findings_as_evidence_and_none_of_its_values",
    ),
    (
        "an audit passed from memory leaves no findings",
        "pipeline/manifests.py",
        'return [one for one in manifest["quality"] if one["table"] == table and one["rule"] not in GATES]',
        "return []",
        "tests/pipeline/test_audit.py::test_findings_stand_in_the_manifest_also_when_the_audit_was_passed_before",
    ),
    (
        "rows of later slices are not counted",
        "pipeline/audit.py",
        'finding["failed"] += int(outcome["unexpected_count"])',
        'finding["failed"] = int(outcome["unexpected_count"])',
        "tests/pipeline/test_audit.py::test_counts_of_a_rule_are_summed_over_slices",
    ),
    (
        "a blocked hour is not reported on the command line",
        "pipeline/line.py",
        "        report_failure(stages, [hour], settings)\n",
        "",
        "tests/pipeline/stages/test_report.py::test_a_blocked_hour_is_told_and_an_hour_that_passes_at_last_replaces_it",
    ),
    (
        "a report does not run after a failure in Airflow",
        "dags/treasure_hunt_hourly.py",
        "    tasks[ALWAYS].as_teardown()",
        "    tasks[ALWAYS]",
        "tests/dags/test_treasure_hunt_hourly.py::test_refused_data_fails_at_once_and_nothing_downstream_moves",
    ),
    (
        "a ledger that does not balance is recorded",
        "pipeline/serving/quality.py",
        'if ledger["delivered"] != ledger["accepted"]',
        'if False and ledger["delivered"] != ledger["accepted"]',
        "tests/pipeline/serving/test_serving_quality.py::"
        "test_a_ledger_that_does_not_balance_is_refused_and_leaves_what_was_there[sqlite]",
    ),
    (
        "the database takes a ledger that does not balance",
        "pipeline/serving/migrations/versions/0001_schema.py",
        '        sa.CheckConstraint("delivered = accepted + quarantined + duplicate", name="ingest_ledger_balances"),\n',
        "",
        "tests/pipeline/serving/test_serving_quality.py::"
        "test_the_database_itself_refuses_a_ledger_that_does_not_balance[sqlite]",
    ),
    (
        "rows of an earlier attempt stay",
        "pipeline/serving/quality.py",
        "connection.execute(delete(table).where(*mine))",
        "connection.execute(delete(table).where(*mine, table.c.arm == ''))",
        "tests/pipeline/serving/test_serving_quality.py::"
        "test_an_hour_that_ran_again_replaces_its_rows_and_no_others[sqlite]",
    ),
    (
        "text is not escaped on a page",
        "pipeline/report/html.py",
        "parts.append(child if isinstance(child, Html) else escape(str(child)))",
        "parts.append(str(child))",
        "tests/pipeline/stages/test_report.py::test_what_a_source_calls_itself_or_an_item_is_never_html",
    ),
    (
        "the page of an hour waits for the database",
        "pipeline/stages/report.py",
        "    except TreasureHuntError as error:\n        failure = error\n    for work",
        "    except ZeroDivisionError as error:\n        failure = error\n    for work",
        "tests/pipeline/stages/test_report.py::"
        "test_a_database_that_does_not_answer_fails_the_report_alone_and_the_page_is_there",
    ),
    (
        "anybody gets the report pages in Airflow",
        "plugins/treasure_hunt_reports.py",
        "FastAPI(dependencies=[Depends(get_user)], ",
        "FastAPI(",
        "tests/dags/test_treasure_hunt_reports.py::test_nobody_gets_a_page_without_a_login[/shop/index.html]",
    ),
    (
        "any file is given out",
        "plugins/treasure_hunt_reports.py",
        "if not page.is_relative_to(folder) or page.suffix",
        "if page.suffix",
        "tests/dags/test_treasure_hunt_reports.py::test_nothing_but_pages_of_reports_is_given_out[/shop/linked.html]",
    ),
    (
        "every page of Great Expectations compiles its templates",
        "pipeline/report/datadocs.py",
        "@cache  # each view",
        "# each view",
        "tests/pipeline/report/test_datadocs.py::test_pages_made_after_others_compile_no_template_and_are_the_same",
    ),
    (
        "Data Docs keep what they load",
        "pipeline/report/datadocs.py",
        'DROPPED = {"script", "style", "link", "img", "footer"}',
        'DROPPED = {"style", "footer"}',
        "tests/pipeline/report/test_datadocs.py::test_the_pages_load_and_run_nothing",
    ),
    (
        "an hour from Airflow stays of Airflow's kind",
        "pipeline/hours.py",
        "    return datetime(moment.year, moment.month, moment.day, moment.hour, tzinfo=UTC)",
        "    return moment.replace(minute=0, second=0, microsecond=0)",
        "tests/dags/test_treasure_hunt_task.py::test_the_hour_is_a_plain_moment_though_airflow_counts_in_its_own_kind",
    ),
    (
        "what lies below a chart's axis is drawn across the page",
        "pipeline/report/charts.py",
        "min(max(value, 0), top)",
        "min(value, top)",
        "tests/pipeline/report/test_report_pages.py::test_no_line_leaves_its_chart[-7.0]",
    ),
    (
        "rows of a catalog refused as a whole have no explanation",
        "pipeline/report/account.py",
        'return GATES[gate].sentence.format(**settings) if gate in GATES else ""',
        'return ""',
        "tests/pipeline/report/test_report_pages.py::"
        "test_rows_of_a_catalog_refused_as_a_whole_are_explained_by_its_gate",
    ),
    (
        "the page counts other rows as quarantined than the tables",
        "pipeline/report/ledger.py",
        "[number(ledger[fate]) for fate in FATES]",
        "[number(value) for value in parts.values()]",
        "tests/pipeline/report/test_report_pages.py::test_the_page_has_the_figures_of_the_tables",
    ),
]
