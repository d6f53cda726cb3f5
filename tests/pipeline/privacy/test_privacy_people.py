"""Finding people's rows: under whatever spelling a row is taken in, it is theirs."""

import duckdb
import pyarrow as pa

from pipeline.duck import read_sql
from pipeline.privacy.people import EDGES, people_of


def test_a_name_is_known_by_what_the_line_takes_it_for() -> None:
    """Every character of the first plane at both edges: `clean` takes off those that are taken off here, and no other."""
    signs = [chr(code) for code in range(1, 0x10000) if not 0xD800 <= code <= 0xDFFF]
    with duckdb.connect() as connection:
        connection.execute(read_sql("macros"))
        taken_in = "select clean(sign || 'ann' || sign) from (select unnest($signs) as sign)"
        cleaned = [name for (name,) in connection.execute(taken_in, {"signs": signs}).fetchall()]
    known = people_of(pa.table({"user_id": [f"{sign}ann{sign}" for sign in signs]}))
    assert known["user_id"].to_pylist() == cleaned
    assert {sign for sign, name in zip(signs, cleaned, strict=True) if name == "ann"} == set(EDGES)
