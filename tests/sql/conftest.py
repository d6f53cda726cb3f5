"""Which of the queries' tests run: all of them, or on Spark those of the queries that it is asked for."""

from pathlib import Path

from sql_tables import SETTINGS, on_spark

if SETTINGS.engine == "spark":
    asked = {f"test_{query}.py" for query in on_spark()}
    collect_ignore = [path.name for path in Path(__file__).parent.iterdir() if path.name not in asked]
