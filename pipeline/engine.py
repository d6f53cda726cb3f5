"""Which engine makes the large tables: DuckDB on this machine or Spark on a cluster, spoken to in the same words."""

from types import ModuleType

from pipeline import duck
from pipeline.settings import Settings


def choose_engine(settings: Settings) -> ModuleType:
    """The module whose `connect`, `view_files`, `write_table` and so on are to be used."""
    if settings.engine == "duckdb":
        return duck
    from pipeline.spark import tables  # not above: who does without Spark does not load it

    return tables
