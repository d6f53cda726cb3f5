"""Every knob of the pipeline, with its unit and default, read from `TREASURE_HUNT_*` environment variables.

One class, so that one table in the documentation and one error message can name them all.
"""

import os
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.errors import BadInput
from pipeline.files import sqlite_url
from pipeline.hours import parse_hour
from pipeline.setting_groups import UNDECIDING

PREFIX = "TREASURE_HUNT_"


class Settings(BaseSettings):
    """All settings; construct with `load_settings()`, which turns mistakes into one sentence."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", allow_inf_nan=False)

    # where things are
    home: Path = Field(Path("var"), description="folder of all state; relative paths start at the working directory")
    source: str = Field("shop", description="folder name under sql/sources: where events and items come from")
    source_url: str = Field("", description="database URL or folder of the source; empty: the source's own default")
    data: Path = Field(Path("var/data"), description="folder in which the file sources look for theirs by default")
    lake_copy: str = Field("", repr=False, description="s3:// bucket or folder of a copy of the lake; empty: none")
    serving_url: str = Field("", description="SQLAlchemy URL of the serving database; empty: SQLite in home")
    data_docs: bool = Field(
        True, description="whether a run of one hour also makes Great Expectations' own pages (seconds)"
    )
    arm: str = Field("batch", min_length=1, description="name that this pipeline publishes under, beside other designs")
    start: datetime = Field(
        parse_hour("2026-01-01T00"), description="first hour that Airflow schedules by itself (YYYY-MM-DDTHH, UTC)"
    )
    alert_webhook: str = Field(
        "", repr=False, description="http(s) address that alarms are sent to as JSON; empty: they stand in logs only"
    )
    late_minutes: float = Field(
        50.0, gt=0, description="minutes after which a run of Airflow that has not ended raises an alarm"
    )
    price_sheet: str = Field(
        "", description="JSON file of what a processor hour and a gigabyte hour cost; empty: pipeline/price_sheet.json"
    )

    # serving
    stale_after_minutes: float = Field(
        90.0,
        gt=0,
        description="age of the live version's data, in minutes, past which readers and monitoring hear that it is stale",
    )
    freshness_objective_minutes: float = Field(
        75.0,
        gt=0,
        description="age in minutes that 95 of 100 events must not exceed when lists that know them are published",
    )
    freshness_allowance: float = Field(
        0.05, ge=0, le=1, description="share of a week's hours that may miss the freshness objective"
    )
    serving_read_url: str = Field(
        "", repr=False, description="URL by which `treasure-hunt serve` reads the serving database; empty: serving_url"
    )
    api_key: str = Field("", repr=False, description="key that the read API asks for (X-API-Key); empty: none")
    api_requests_per_second: float = Field(0, ge=0, description="requests a second of one caller and process; 0: any")
    lookup_password: str = Field("", repr=False, description="password of the look-up page /look; empty: no such page")
    api_connections: int = Field(2, ge=1, le=100, description="connections that each process of the read API keeps")
    api_patience_ms: int = Field(
        1000,
        ge=10,
        description="milliseconds after which the read API gives the serving database up and answers without",
    )

    # pulling
    pull_lookback_hours: int = Field(
        6, ge=0, le=168, description="hours back in which a pull still finds rows that became visible late; 0: none"
    )
    source_connect_seconds: int = Field(10, ge=1, description="seconds to wait until a source's database lets one in")
    source_timeout_seconds: int = Field(
        600, ge=1, description="seconds after which a pull from a source's database is given up"
    )
    require_checksums: bool = Field(
        False, description="whether a source's files that no SHA256SUMS beside them lists are refused"
    )

    # what counts
    window_days: int = Field(30, ge=1, le=3650, description="days of events that interactions are made from")
    half_life_days: float = Field(14.0, gt=0, description="days after which an event counts half")
    link_minutes: int = Field(30, ge=1, description="minutes after a search in which a click still belongs to it")
    lookback_hours: int = Field(6, ge=0, le=168, description="hours back for duplicates; older events are too late")
    min_query_users: int = Field(2, ge=1, description="users or sessions a query needs to get a list of its own")
    few_items: int = Field(5, ge=1, description="users who met fewer items are also given what their searches point at")
    max_actor_events: int = Field(
        20_000,
        ge=1,
        description="events in the window past which nothing is learnt from an actor: no person makes them",
    )
    max_pair_weight: float = Field(50.0, gt=0, description="weight at which one actor's interest in one item is capped")

    # the model
    factors: int = Field(64, ge=1, le=2048, description="length of the factor vectors")
    iterations: int = Field(6, ge=1, description="ALS passes over users and items")
    alpha: float = Field(
        0.42, gt=0, description="confidence of an average pair beyond an unseen one's, times density to the power 2/3"
    )
    regularization: float = Field(
        4.2,
        gt=0,
        description="ALS regularisation, per root of a pair's confidence and cube root of pairs per user or item",
    )
    seed: int = Field(0, ge=0, description="seed of the factors' starting values")
    hourly_model: Literal["fold_in", "warm", "refit"] = Field(
        "fold_in",
        description="what an hour does to the model of the hour before: fold news in, one warm pass, or refit",
    )
    chain_hours: int = Field(24, ge=1, le=24, description="models of a day in a row, the first a refit, until the next")
    holdout_share: float = Field(
        0.05, ge=0, le=0.5, description="share of users whose last item is held out to judge by"
    )
    query_rows_weight: float = Field(
        0.0, ge=0, le=100, description="what an item counts in the row of a query, in hints; 0: no such rows"
    )
    attribute_rows_weight: float = Field(
        3.0, ge=0, le=100, description="what an item counts in the row of an attribute, in usual pairs; 0: no such rows"
    )
    new_items_weight: float = Field(
        1.0, ge=0, le=2, description="length of the factors that a fresh item gets from its attributes; 0: none"
    )
    title_weight: float = Field(
        4.0,
        ge=0,
        description="searches that an item's title counts like, as if it had been typed before taking the item",
    )
    word_smoothing: float = Field(
        2.0, gt=0, description="searches' worth of popularity that stand against what a word says of an item"
    )
    query_smoothing: float = Field(
        8.0, gt=0, description="searches' worth of its words that stand against what people took after a query itself"
    )
    k: int = Field(20, ge=1, le=1000, description="items in every list")
    fresh_hours: int = Field(24, ge=1, le=720, description="hours for which an item new in the catalog is fresh")

    # the gates
    malformed_limit: float = Field(0.05, ge=0, le=1, description="share of malformed rows past which an hour blocks")
    malformed_warn_limit: float = Field(0.01, ge=0, le=1, description="malformed share past which an hour warns")
    duplicate_warn_limit: float = Field(0.10, ge=0, le=1, description="share delivered before past which an hour warns")
    unknown_items_limit: float = Field(0.30, ge=0, le=1, description="share of events on unknown items that blocks")
    catalog_drop_limit: float = Field(
        0.20, ge=0, le=1, description="share of the items of the snapshot before past which a smaller one is refused"
    )
    catalog_min_rows: int = Field(20, ge=1, description="items from which a catalog is judged as a whole")
    catalog_stale_hours: float = Field(
        2.0, ge=0, description="hours before the end of an hour past which the catalog that it uses is called old"
    )
    price_jump_factor: float = Field(
        100.0, gt=1, description="times up or down by which a price may change from one snapshot to the next unwarned"
    )
    gate_min_rows: int = Field(1000, ge=1, description="rows from which gates on shares speak")
    volume_warn_low: float = Field(0.5, ge=0, le=1, description="share of an hour's usual events below which it warns")
    volume_warn_high: float = Field(2.0, ge=1, description="multiple of an hour's usual events above which it warns")
    volume_block_low: float = Field(0.2, ge=0, le=1, description="share of usual events below which an hour blocks")
    volume_block_high: float = Field(5.0, ge=1, description="multiple of an hour's usual events above which it blocks")
    drift_min_rows: int = Field(300, ge=1, description="rows of a feature, in an hour, from which its drift is judged")
    psi_limit: float = Field(0.2, ge=0, description="population stability index past which a mix drifted: a warning")
    null_share_limit: float = Field(
        0.05, ge=0, le=1, description="how far a column's share of empty values may move beyond chance: a warning"
    )
    click_through_limit: float = Field(
        0.25, ge=0, description="part of its usual value by which click-through may move beyond chance: a warning"
    )
    predecessor_limit: float = Field(
        0.9, ge=0, description="share of its predecessor's recall below which, beyond chance, a model is refused"
    )
    coverage_limit: float = Field(
        0.5, ge=0, description="share of the items in live or the predecessor's lists, below which lists are refused"
    )
    overlap_limit: float = Field(
        0.3, ge=0, le=1, description="mean share of their top 10 that users keep, below which publishing warns"
    )
    churn_limit: float = Field(
        0.1, ge=0, le=1, description="mean share of their top 10 that users without news lose from an hour to the next"
    )
    compare_min_users: int = Field(
        100, ge=1, description="users with lists from which a version is compared with the live one"
    )

    # the tiers
    min_titled_share: float = Field(0.95, ge=0, le=1, description="share of items with a title that tier full needs")
    min_joined_share: float = Field(
        0.1, ge=0, le=1, description="share of searches that led to an item that tier full needs; 0: none are needed"
    )
    min_model_users: int = Field(20, ge=0, description="users who took an item that a model needs; fewer: tier popular")

    # what is kept of the past
    keep_versions: int = Field(
        48, ge=3, description="versions, newest hours first, whose rows stay in the serving database whatever their age"
    )
    keep_days: float = Field(
        3.0, ge=0, description="days since it was published or failed that the rows of any other version stay"
    )

    # the people in the data
    min_analyst_users: int = Field(
        5, ge=1, description="users who typed a query before analysts' views and reasons may show it"
    )
    query_text_days: int = Field(
        31, ge=8, description="days of hours before the newest that keep what was typed; more than window_days"
    )
    version_text_days: int = Field(
        7, ge=1, description="days of hours before the newest whose versions, and tables that led to them, keep queries"
    )
    hash_key: str = Field(
        "", repr=False, description="secret key of the hashes that stand for people; empty: home's keys/hash.key"
    )

    # the machine
    engine: Literal["duckdb", "spark"] = Field("duckdb", description="what makes the large tables and learns the model")
    spark_master: str = Field("local[2]", description="where Spark runs: local[n], or the URL of a cluster's master")
    threads: int = Field(2, ge=1, description="threads of DuckDB and of the model")
    memory_limit: str = Field(
        "4GB", pattern=r"^\d+(\.\d+)? ?[KMGT]i?B$", description="memory DuckDB may use before it spills to disk"
    )
    ingest_memory_limit: str = Field(
        "512MB",
        pattern=r"^\d+(\.\d+)? ?[KMGT]i?B$",
        description="memory DuckDB may use while it takes in an hour, which is work row by row",
    )

    @field_validator("start", mode="before")
    @classmethod
    def _start_is_an_hour(cls, value: Any) -> Any:
        try:
            return parse_hour(value) if isinstance(value, str) else value
        except BadInput as error:
            raise ValueError(error) from None  # so that it is told with the setting's name

    @field_validator("home", "data")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    def facts(self) -> dict[str, Any]:
        """The settings that decide what comes out."""
        return self.model_dump(mode="json", exclude=UNDECIDING)

    @property
    def lake(self) -> Path:
        """Folder of the lake of this source; two sources never share one."""
        return self.home / "lake" / self.source

    @property
    def reports(self) -> Path:
        """Folder of the pages about the hours of this source."""
        return self.home / "reports" / self.source

    @property
    def look_back_hours(self) -> int:
        """Hours before an hour in which its links look for searches: those of repeats, and never less than a link lasts."""
        return max(self.lookback_hours, -(-self.link_minutes // 60))

    @property
    def serving(self) -> str:
        """URL of the serving database."""
        return self.serving_url or sqlite_url(self.home / "serving.db")

    @property
    def shop_url(self) -> str:
        """URL of the demonstration shop's own database."""
        return sqlite_url(self.home / "shop.db")


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment; raises `BadInput` that names the wrong or unknown setting and the nearest one."""
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            close = get_close_matches(
                name.upper().removeprefix(PREFIX), [one.removeprefix(PREFIX) for one in known], n=1
            )
            hint = f"did you mean {PREFIX}{close[0]}? " if close else ""
            raise BadInput(f"{name} is not a setting; {hint}docs/settings.md lists them all.")
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = f"{PREFIX}{first['loc'][0]}".upper() if first["loc"] else "settings"
        message = first["msg"].removeprefix("Value error, ").removesuffix(".")
        raise BadInput(f"{name}={first['input']!r}: {message[:1].lower()}{message[1:]}.") from None
    if settings.window_days + settings.look_back_hours / 24 > settings.query_text_days:
        raise BadInput(
            f"{PREFIX}WINDOW_DAYS={settings.window_days}: a model learns from the queries of its whole window and the "
            f"{settings.look_back_hours} hours before, but {PREFIX}QUERY_TEXT_DAYS={settings.query_text_days} keeps fewer."
        )
    return settings
