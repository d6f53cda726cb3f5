"""Mapping words: what is replaced, what is left alone, and what cannot be mapped."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from handmade_shop import event, ingest, item, ledger, open_shop, rows

from pipeline import mapping
from pipeline.errors import BadInput
from pipeline.mapping import NEVER, map_file, map_words, parse_words, read_words
from pipeline.sources.read import list_sources


def words_of(*texts: str | None) -> pa.Table:
    return pa.table({"event_type": pa.array(texts, pa.string()), "query": pa.array(texts, pa.string())})


def test_a_word_is_replaced_in_its_column_alone_and_its_edges_do_not_matter() -> None:
    rows, changed = map_words(words_of("veiw", " veiw ", "Veiw", "click", None), {"event_type": {"veiw": "click"}})
    assert rows["event_type"].to_pylist() == ["click", "click", "Veiw", "click", None]
    assert rows["query"].to_pylist() == ["veiw", " veiw ", "Veiw", "click", None]
    assert changed.to_pylist() == [True, True, False, False, False]


def test_nothing_can_be_given_a_word_and_a_word_be_taken_away() -> None:
    rows, changed = map_words(words_of(None, "", "no"), {"event_type": {"": "click", "no": ""}})
    assert rows["event_type"].to_pylist() == ["click", "click", None]
    assert changed.to_pylist() == [True, True, True]


def test_no_rows_and_no_words_are_no_matter() -> None:
    assert map_words(words_of(), {"event_type": {"a": "b"}})[0].num_rows == 0
    assert map_words(words_of("a"), {})[1].to_pylist() == [False]
    assert map_words(words_of("a"), {"brand": {"a": "b"}})[1].to_pylist() == [False]


def test_a_file_is_mapped_batch_by_batch(tmp_path: Path) -> None:
    pq.write_table(words_of(*["veiw", "click"] * 100_000), tmp_path / "draft", row_group_size=30_000)
    assert map_file(tmp_path / "draft", tmp_path / "mapped", {"event_type": {"veiw": "click"}}) == 100_000
    assert set(pq.read_table(tmp_path / "mapped")["event_type"].to_pylist()) == {"click"}


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["veiw=click"], "a mapping is written column:old=new, such as event_type:veiw=click; 'veiw=click' is not."),
        (["event_type:veiw"], "a mapping is written"),
        (["typ:veiw=click"], "there is no column 'typ' to map; the columns are event_type, item_id, quantity"),
        (["event_type:a=b", "event_type:a=c"], "event_type 'a' is mapped twice, to 'b' and to 'c'; leave one."),
        *([[f"{column}:a=b"], f"column {column} is not mapped"] for column in NEVER),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(lines: list[str], sentence: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_words(lines, "events")
    assert str(refused.value).startswith(sentence)


def test_a_time_may_hold_colons_and_equals_signs() -> None:
    assert parse_words(["occurred_at:1:2=3=4"], "events") == {"occurred_at": {"1:2": "3=4"}}


def test_the_sources_that_come_along_map_nothing() -> None:
    assert all(read_words(source) == {} for source in list_sources())


@pytest.fixture
def standing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the shop's standing mapping is, in this test."""
    monkeypatch.setattr(mapping, "SOURCES", tmp_path / "sources")
    (tmp_path / "sources" / "shop").mkdir(parents=True)
    return tmp_path / "sources" / "shop" / "mapping.csv"


@pytest.mark.parametrize(
    "text", ["column,to,from\n", "column,from,to\nevent_type,veiw\n", "", "column,from,to\nuser_id,a,b\n"]
)
def test_a_standing_mapping_that_is_not_one_is_refused(standing: Path, text: str) -> None:
    standing.write_text(text)
    with pytest.raises(BadInput):
        read_words("shop")


def test_a_known_misspelling_is_mended_at_the_boundary_counted_and_told(standing: Path, tmp_path: Path) -> None:
    standing.write_text("column,from,to\nevent_type,veiw,click\nbrand,Acme Inc,Acme\n")
    logged = [event("veiw", "u", "a"), event("click", "u", "a"), event("veiw", "u", None)]
    settings = open_shop(tmp_path / "var", [item("a", brand="Acme Inc")], logged)
    events, catalog = ingest(settings)
    assert rows(settings, "events", "event_id", "event_type") == [("e0", "click"), ("e1", "click")]
    assert (ledger(settings)["mapped"], ledger(settings)["by_rule"]) == (2, {"item_missing": 1})
    assert "rows mended by the source's mapping.csv: 2" in events.notes
    [(raw,)] = rows(settings, "quarantined_events", "raw_row")
    assert '"event_type":"veiw"' in raw  # as it came
    assert rows(settings, "items", "brand") == [("Acme",)]
    assert catalog.facts["ledger"]["mapped"] == 1
