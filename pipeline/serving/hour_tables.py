"""The tables of the serving database that are about hours, whatever became of them: rows, rules, ages, worth of lists."""

from typing import Any

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Double, Integer, MetaData, Table

from pipeline.serving.columns import TEXT, Moment
from pipeline.serving.columns import key as _key
from pipeline.serving.columns import value as _value

_KIND = "events or items"


def add_hour_tables(metadata: MetaData) -> tuple[Table, Table, Table, Table, Table]:
    """The tables are part of the schema; the rows of an hour, published or blocked, are replaced when it runs again."""

    def of_hour(name: str, comment: str, *columns: Column[Any] | CheckConstraint) -> Table:
        return Table(
            name,
            metadata,
            _key("source", TEXT, "where events and items come from"),
            _key("arm", TEXT, "the design that took them in"),
            _key("interval_start", Moment(), "start of the hour that delivered them"),
            *columns,
            comment=comment,
        )

    ingest_ledger = of_hour(
        "ingest_ledger",
        "What became of every delivered row: delivered = accepted + quarantined + duplicate. "
        "Grain: source, arm, interval_start, kind.",
        _key("kind", TEXT, _KIND),
        _value("outcome", TEXT, "landed, or blocked: then nothing of the hour was taken in"),
        _value("delivered", BigInteger(), "rows that the source handed over"),
        _value("accepted", BigInteger(), "rows that were taken in, or would have been were the hour not blocked"),
        _value("quarantined", BigInteger(), "rows kept aside with the rule that refused them"),
        _value(
            "excluded", BigInteger(), "of the quarantined: rows not for us, as the source says, or of somebody erased"
        ),
        _value("duplicate", BigInteger(), "rows whose id is known from this hour or the look-back"),
        _value("other", TEXT, "further figures that are no part of the balance: JSON object of counts", nullable=True),
        _value("recorded_at", Moment(), "when this row was written, by the clock"),
        CheckConstraint("delivered = accepted + quarantined + duplicate", name="ingest_ledger_balances"),
    )
    quarantine_summary = of_hour(
        "quarantine_summary",
        "Why rows were quarantined. Grain: source, arm, interval_start, kind, rule.",
        _key("kind", TEXT, _KIND),
        _key("rule", TEXT, "the rule, or excluded and the reason that the source gives: `excluded: no customer`"),
        _value("rows_decided", BigInteger(), "rows whose fate this rule decided; they add up to quarantined"),
        _value("rows_broken", BigInteger(), "rows that broke this rule, whichever decided"),
        _value("sentence", TEXT, "what is wrong with a row that breaks it"),
    )
    quality_results = of_hour(
        "quality_results",
        "What every rule and gate found, passed or not. Grain: source, arm, interval_start, stage, table_name, rule.",
        _key("stage", TEXT, "the stage that asked"),
        _key("table_name", TEXT, "the table that was judged; typed_… are delivered rows before any is refused"),
        _key("rule", TEXT, "the rule or gate"),
        _value(
            "severity", TEXT, "critical: stops the hour; warning: is shown; refuses: sends single rows to quarantine"
        ),
        _value("passed", Boolean(), "whether nothing broke it"),
        _value(
            "checked", BigInteger(), "rows that were looked at; null for a gate, which judges the hour", nullable=True
        ),
        _value("failed", BigInteger(), "rows that broke it; null where rows cannot be counted", nullable=True),
        _value("observed", Double(), "the figure that was judged, such as a share or a count", nullable=True),
        _value("sentence", TEXT, "what breaks it; of a gate that did not pass what was found"),
    )
    event_freshness = of_hour(
        "event_freshness",
        "Age of events when their hour landed and when the version that holds them was published: occurred_at to then. "
        "Grain: source, arm, interval_start, step.",
        _key("step", TEXT, "landed or published"),
        _value("events", BigInteger(), "events that were measured"),
        _value("p50_seconds", Double(), "age that half of the events do not exceed, in seconds", nullable=True),
        _value("p95_seconds", Double(), "age that 95 of 100 events do not exceed", nullable=True),
        _value("p99_seconds", Double(), "age that 99 of 100 events do not exceed", nullable=True),
        _value("worst_seconds", Double(), "age of the oldest event", nullable=True),
        _value("share_late", Double(), "share of the events that were older than the objective", nullable=True),
        _value("recorded_at", Moment(), "when this row was written, by the clock"),
    )
    prequential = of_hour(
        "prequential",
        "What the lists of an earlier hour were worth to the users of this one, beside simpler lists; it names nobody, and "
        "of fewer than 20 users there is no row. Grain: source, arm, interval_start, list, slice, k, metric.",
        _key(
            "list",
            TEXT,
            "served: what readers had; popular, recent (of the 6 hours before), item_knn: what they could have",
        ),
        _key(
            "slice",
            TEXT,
            "all; personal, searches, popular: users by where their list came from; new, head, tail: of what they took only "
            "what they had not met before, the most popular items that make up half of what is taken, the others",
        ),
        _key("k", Integer(), "so many items of each list are looked at"),
        _key(
            "metric",
            TEXT,
            "recall, ndcg, hit_rate, mrr of what was taken; recall_gain, ndcg_gain: less that of the popular list; "
            "coverage, novelty (bits), diversity (pairs of unlike categories), popularity (1: the most popular items only)",
        ),
        _value("users", BigInteger(), "users over whom it is the mean"),
        _value("value", Double(), "the figure"),
        _value(
            "low", Double(), "lower bound of its 95 % interval (bootstrap over users); null for coverage", nullable=True
        ),
        _value("high", Double(), "upper bound", nullable=True),
        _value("age_hours", Integer(), "hours from the hour whose lists these are to this one; 1: the last hour's"),
    )
    return ingest_ledger, quarantine_summary, quality_results, event_freshness, prequential
