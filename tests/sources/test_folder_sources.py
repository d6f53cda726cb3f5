"""Folders of CSV, JSON and Parquet files, of this machine or in a bucket: each hour reads its own, no value is changed."""

import csv
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from buckets import bucket_storage, object_storage
from handmade_shop import FIRST, landed, ledger, rows
from tcp_proxy import proxy

from pipeline.errors import AuditFailed, BadInput, Unreachable, Unreadable
from pipeline.hours import HOUR, hours_between
from pipeline.line import run_stage, run_stage_of_hours
from pipeline.manifests import landed_hours
from pipeline.settings import Settings, load_settings

Row = dict[str, Any]
FORMATS = ["csv", "json", "parquet"]
NULLS = dict.fromkeys(("session_id", "query", "quantity", "position", "ingested_at"))
ITEM = {"title": "T", "category": "c", "brand": "b", "price": 1.5, "currency": "EUR", "is_available": True}
TYPES = {"quantity": pa.int64(), "position": pa.int64(), "price": pa.float64(), "is_available": pa.bool_()}


def click(user: Any, thing: Any = "a", hour: int = 0, **other: Any) -> Row:
    moment = f"{FIRST + hour * HOUR:%Y-%m-%dT%H:%M:%SZ}"
    return (
        NULLS
        | {
            "event_id": f"e {user} {hour}",
            "user_id": user,
            "event_type": "click",
            "item_id": thing,
            "occurred_at": moment,
        }
        | other
    )


def write(folder: Path, form: str, kind: str, content: list[Row], hour: int = 0, name: str = "a", **types: Any) -> Path:
    """One file of the source's layout."""
    path = folder / kind / f"{FIRST + hour * HOUR:%Y-%m-%d/%H}" / f"{name}.{form}"
    path.parent.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(column for row in content for column in row))
    if form == "csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(content)
    elif form == "json":
        path.write_text("".join(json.dumps({k: v for k, v in row.items() if v is not None}) + "\n" for row in content))
    else:
        arrays = {
            column: pa.array([row.get(column) for row in content], types.get(column, TYPES.get(column, pa.string())))
            for column in names
        }
        pq.write_table(pa.table(arrays), path)
    return path


def settings_of(tmp_path: Path, form: str, **other: Any) -> Settings:
    return load_settings(
        **{"home": tmp_path / "var", "source": f"{form}_folder", "source_url": str(tmp_path / "in")} | other
    )


def users(settings: Settings, hour: int = 0) -> list[str]:
    return sorted(user for (user,) in rows(settings, "events", "user_id", hour=hour))


@pytest.mark.parametrize("form", FORMATS)
def test_an_hour_reads_the_files_of_its_folder_and_a_late_file_is_delivered_by_the_next(
    tmp_path: Path, form: str
) -> None:
    folder, settings = tmp_path / "in", settings_of(tmp_path, form)
    for hour in (0, 1):
        write(folder, form, "events", [click(f"u{hour}", hour=hour), click("v", hour=hour)], hour)
        write(folder, form, "items", [{"item_id": "a", **ITEM, "updated_at": None}], hour)
    write(folder, form, "events", [click("second file")], 0, "b")
    assert run_stage("ingest_events", FIRST, settings).notes == ()
    assert run_stage("ingest_catalog", FIRST, settings).notes == ()
    write(folder, form, "events", [click("late")], 0, "c")
    run_stage("ingest_events", FIRST + HOUR, settings)
    assert (users(settings), users(settings, 1)) == (["second file", "u0", "v"], ["late", "u1", "v"])
    assert landed(settings, "items").to_pylist()[0]["price"] == 1.5
    assert rows(settings, "delivered_rows", "locator")[0] == (
        f"events/2026-01-05/10/a.{form}:{2 if form == 'csv' else 1}",
    )


@pytest.mark.parametrize("form", FORMATS)
def test_a_name_that_looks_like_a_pattern_is_that_of_one_file(tmp_path: Path, form: str) -> None:
    folder, settings = tmp_path / "in", settings_of(tmp_path, form)
    for name in ("a1", "a[1]", "a?", "a*", "[a]", "{a1,a2}", "it's"):
        write(folder, form, "events", [click(name, **{f"from {name}": ""})], name=name)
    result = run_stage("ingest_events", FIRST, settings)
    assert users(settings) == ["[a]", "a*", "a1", "a?", "a[1]", "it's", "{a1,a2}"]
    assert ledger(settings)["delivered"] == 7
    if form != "json":  # of which a column without any value is not in the file
        assert all(f"{name}.{form}: from {name} is new" in result.notes[0] for name in ("[a]", "a*", "a1")), "the first"


@pytest.mark.parametrize("form", FORMATS)
def test_hours_without_files_are_hours_without_events(tmp_path: Path, form: str) -> None:
    (tmp_path / "in").mkdir()
    settings = settings_of(tmp_path, form)
    absent = f"there is no file events/2026-01-05/10/*.{form} in {tmp_path}/in"
    assert run_stage("ingest_events", FIRST, settings).notes == (f"no events in this hour: {absent}",)
    absent = absent.replace("events", "items")
    with pytest.raises(AuditFailed, match=f"the source delivered no catalog: {re.escape(absent)}"):
        run_stage("ingest_catalog", FIRST, settings)


@pytest.mark.parametrize("form", FORMATS)
def test_an_hour_whose_catalog_is_left_out_uses_the_one_before_and_warns_only_when_that_is_old(
    tmp_path: Path, form: str
) -> None:
    settings = settings_of(tmp_path, form)
    write(tmp_path / "in", form, "items", [{"item_id": "a", **ITEM, "updated_at": None}])
    run_stage("ingest_catalog", FIRST, settings)
    soon, old = (run_stage("ingest_catalog", FIRST + hour * HOUR, settings) for hour in (1, 4))
    assert landed(settings, "items", 1).equals(landed(settings, "items"))
    assert [note.split(":")[0] for note in soon.notes] == [
        "no catalog in this hour",
        "using the catalog of 2026-01-05T10, 1.0 h old at the hour's end",
    ]
    assert (
        [note for note in old.notes if note.startswith("warning")]
        == [note for note in old.notes if "the limit is 2 h" in note]
        != []
    )


def test_a_catalog_of_another_name_is_not_left_out(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "csv")
    write(tmp_path / "in", "csv", "items", [{"item_id": "a", **ITEM, "updated_at": None}])
    run_stage("ingest_catalog", FIRST, settings)
    path = write(tmp_path / "in", "csv", "items", [{"item_id": "b", **ITEM, "updated_at": None}], 1)
    path.rename(path.with_suffix(".CSV"))
    warning, *_ = run_stage("ingest_catalog", FIRST + HOUR, settings).notes
    assert warning.startswith("warning: items: the source delivered no catalog: there is no file ")
    assert "what lies there has another name: a.CSV" in warning


def test_a_file_of_another_name_is_named_where_an_hour_has_none(tmp_path: Path) -> None:
    path = write(tmp_path / "in", "csv", "events", [click("u")])
    path.rename(path.with_suffix(".CSV"))
    (note,) = run_stage("ingest_events", FIRST, settings_of(tmp_path, "csv")).notes
    assert note.endswith("; what lies there has another name: a.CSV")


def test_an_hour_whose_file_holds_no_row_has_no_events_and_misses_no_file(tmp_path: Path) -> None:
    path = write(tmp_path / "in", "csv", "events", [click("u")])
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert run_stage("ingest_events", FIRST, settings_of(tmp_path, "csv")).notes == ("no events in this hour",)


@pytest.mark.parametrize("form", FORMATS)
def test_ids_stay_what_they_were(tmp_path: Path, form: str) -> None:
    ids = [str(2**53 + 1), "1e5", "007", "9.0", "null", "NaN", str(2**64 + 1), 'é,"x"\ny']
    settings = settings_of(tmp_path, form)
    write(tmp_path / "in", form, "events", [click(one, one) for one in ids])
    run_stage("ingest_events", FIRST, settings)
    assert sorted(rows(settings, "events", "user_id", "item_id")) == sorted((one, one) for one in ids)


def test_ids_that_are_numbers_keep_every_digit(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "json")
    numbers = [2**53 + 1, 2**63, 2**64 + 1, 7]
    write(tmp_path / "in", "json", "events", [click(one) for one in numbers])
    notes = run_stage("ingest_events", FIRST, settings).notes
    assert users(settings) == sorted(str(one) for one in numbers)
    assert all("column user_id is number, not text" in note for note in notes)


def test_one_parquet_file_never_makes_floats_of_the_ids_of_another(tmp_path: Path) -> None:
    """A writer that has empty values among whole numbers makes floats of them: 2^53 + 1 must not meet them on its way."""
    settings = settings_of(tmp_path, "parquet")
    write(tmp_path / "in", "parquet", "events", [click(2**53 + 1), click(5)], name="a", user_id=pa.int64())
    mixed = [click(7.0, event_id="m1"), click(None, event_id="m2", session_id="s"), click(2.0**53, event_id="m3")]
    write(tmp_path / "in", "parquet", "events", mixed, name="b", user_id=pa.float64())
    note, refused = run_stage("ingest_events", FIRST, settings).notes
    assert "1 of 5 rows are malformed" in refused
    assert "a.parquet: column user_id is integer, not text" in note
    assert "b.parquet: column user_id is number, not text" in note
    found = rows(settings, "events", "user_id")
    assert sorted(user for (user,) in found if user) == ["5", "7", str(2**53 + 1)]
    assert ledger(settings)["by_rule"] == {"actor_missing": 1}  # 2^53 is not exact as a float


@pytest.mark.parametrize("form", FORMATS)
def test_a_renamed_column_is_named_with_its_file(tmp_path: Path, form: str) -> None:
    settings = settings_of(tmp_path, form)
    write(tmp_path / "in", form, "events", [click("u")])
    renamed = {("type" if name == "event_type" else name): value for name, value in click("v", hour=1).items()}
    write(tmp_path / "in", form, "events", [renamed], 1)
    with pytest.raises(AuditFailed) as error:
        list(run_stage_of_hours("ingest_events", hours_between(FIRST, FIRST + HOUR), settings))
    assert (
        f"2026-01-05T11: contract of source {form}_folder: file events/2026-01-05/11/a.{form}: "
        "column event_type is missing, type is new (renamed?); to do: " in str(error.value)
    )
    assert landed_hours(settings.lake, "ingest_events", FIRST, FIRST + HOUR) == [FIRST]


def test_a_line_that_is_no_json_is_refused_and_counted(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "json")
    path = write(tmp_path / "in", "json", "events", [click("u")])
    with path.open("ab") as file:
        file.write(b'{"event_id": "half\n{"user_id": "\xff"}\n[1, 2]\n' + json.dumps(click("v")).encode() + b"\n")
    run_stage("ingest_events", FIRST, settings)
    assert users(settings) == ["u", "v"]
    assert ledger(settings)["by_rule"] == {"occurred_at_unreadable": 3}


@pytest.mark.parametrize(
    "content", [json.dumps([click("u")]), json.dumps([click("u")], indent=1), "no,json\n", "\ufeff"]
)
def test_a_json_file_without_a_single_object_is_refused_whole(tmp_path: Path, content: str) -> None:
    settings = settings_of(tmp_path, "json")
    write(tmp_path / "in", "json", "events", [click("u")]).write_text(content, encoding="utf-8")
    with pytest.raises(
        Unreadable, match=r"a\.json: none of its first 1,000 lines is a JSON object; write one object a"
    ):
        run_stage("ingest_events", FIRST, settings)


@pytest.mark.parametrize("content", ["", "\n \n", "{}\n[1]\n"])
def test_a_json_file_without_lines_or_with_one_object_is_read(tmp_path: Path, content: str) -> None:
    settings = settings_of(tmp_path, "json")
    write(tmp_path / "in", "json", "events", [click("u")]).write_text(content)
    run_stage("ingest_events", FIRST, settings)
    assert ledger(settings)["quarantined"] == 2 * bool(content.strip())


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_file_that_cannot_be_read_is_named_and_nothing_lands(tmp_path: Path, form: str) -> None:
    settings = settings_of(tmp_path, form)
    path = write(tmp_path / "in", form, "events", [click("u")])
    path.write_bytes(path.read_bytes()[:-9] if form == "parquet" else b"\xff\xfe,user_id\n\xff\n")
    with pytest.raises((Unreadable, AuditFailed), match=rf"events/2026-01-05/10/a\.{form}"):
        run_stage("ingest_events", FIRST, settings)
    assert landed_hours(settings.lake, "ingest_events", FIRST, FIRST) == []


def write_sums(folder: Path) -> None:
    """A SHA256SUMS in the folder of everything below it, as `sha256sum` would write it."""
    listed = [(hashlib.sha256(path.read_bytes()).hexdigest(), path.relative_to(folder)) for path in folder.rglob("a.*")]
    (folder / "SHA256SUMS").write_text("".join(f"{digest}  {name}\n" for digest, name in listed))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("place", [".", "events", "events/2026-01-05/10"])
def test_checksums_may_stand_beside_the_files_or_in_any_folder_above(tmp_path: Path, form: str, place: str) -> None:
    settings = settings_of(tmp_path, form, require_checksums=True)
    path = write(tmp_path / "in", form, "events", [click("u")])
    with pytest.raises(Unreadable, match=rf"{path} has no checksum in a SHA256SUMS beside it or above it up to "):
        run_stage("ingest_events", FIRST, settings)
    write_sums(tmp_path / "in" / place)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"u", b"v"))
    with pytest.raises(Unreadable, match=f"{path} is not what SHA256SUMS says"):
        run_stage("ingest_events", FIRST, settings)
    path.write_bytes(whole)
    run_stage("ingest_events", FIRST, settings)
    assert users(settings) == ["u"]


def test_an_hour_does_not_stop_for_a_damaged_or_missing_file_that_it_does_not_read(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "csv", require_checksums=True)
    write(tmp_path / "in", "csv", "events", [click("u")])
    others = [write(tmp_path / "in", "csv", "events", [click("v", hour=hour)], hour) for hour in (1, 2)]
    write_sums(tmp_path / "in")
    others[0].unlink()
    others[1].write_bytes(b"damaged")
    run_stage("ingest_events", FIRST, settings)
    assert users(settings) == ["u"]
    with pytest.raises(Unreadable, match=f"{others[0]} is missing, but SHA256SUMS lists it"):
        run_stage("ingest_events", FIRST + HOUR, settings)


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    write(tmp_path / "in", "csv", "events", [click("u")]).with_name("b.csv").symlink_to("/nowhere/b.csv")
    with pytest.raises(Unreadable, match=r"events/2026-01-05/10/b\.csv is a link to a file that is not there"):
        run_stage("ingest_events", FIRST, settings_of(tmp_path, "csv"))


def test_no_line_of_a_csv_file_is_taken_for_a_remark(tmp_path: Path) -> None:
    """A reader that guesses what a remark looks like leaves out lines that begin with #, and says nothing."""
    settings = settings_of(tmp_path, "csv")
    ids = ["#" * (place % 5 == 0) + str(place) for place in range(50)]
    write(tmp_path / "in", "csv", "events", [{"event_id": one, **click("u", event_id=one)} for one in ids])
    run_stage("ingest_events", FIRST, settings)
    assert (ledger(settings)["delivered"], ledger(settings)["accepted"]) == (50, 50)


def test_no_line_before_another_header_is_passed_over(tmp_path: Path) -> None:
    """A reader that looks for the header leaves out lines of fewer fields before it, and says nothing."""
    settings = settings_of(tmp_path, "csv")
    path = write(tmp_path / "in", "csv", "events", [click(f"u{place}", event_id=str(place)) for place in range(50)])
    path.write_bytes(b"e1,u1\r\ne2,u2\r\n" + path.read_bytes())
    with pytest.raises((AuditFailed, Unreadable), match=r"events/2026-01-05/10/a\.csv: line 3 has 10 fields"):
        run_stage("ingest_events", FIRST, settings)


def test_an_endless_query_in_a_csv_file_is_refused_alone(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "csv")
    write(tmp_path / "in", "csv", "events", [click("u"), click("v", event_type="search", query="x" * 3_000_000)])
    run_stage("ingest_events", FIRST, settings)
    assert (users(settings), ledger(settings)["by_rule"]) == (["u"], {"query_not_storable": 1})


def test_a_csv_file_of_no_bytes_is_no_catalog_and_the_earlier_one_serves(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "csv")
    for hour in (0, 1):
        path = write(tmp_path / "in", "csv", "items", [{"item_id": "a", **ITEM, "updated_at": None}], hour)
    run_stage("ingest_catalog", FIRST, settings)
    path.write_bytes(b"")
    said, used = run_stage("ingest_catalog", FIRST + HOUR, settings).notes
    assert "cannot read items/2026-01-05/11/a.csv: it is empty: there is not even a header; to do: have" in said
    assert used.startswith("using the catalog of 2026-01-05T10")


@pytest.fixture(scope="module")
def storage() -> Iterator[int]:
    """Port of an object storage of this test's own, with a bucket `shop`."""
    with object_storage() as port:
        yield port


def upload(port: int, folder: Path, prefix: str) -> None:
    for path in sorted(folder.rglob("*.*")):
        with bucket_storage(port).open_output_stream(f"shop/{prefix}/{path.relative_to(folder)}") as stream:
            stream.write(path.read_bytes())


def in_bucket(tmp_path: Path, form: str, port: int, where: str, **other: Any) -> Settings:
    url = f"s3://{where}?endpoint=http://127.0.0.1:{port}"
    return settings_of(tmp_path, form, source_url=url, home=tmp_path / "bucket", **other)


@pytest.mark.parametrize("form", FORMATS)
def test_a_bucket_gives_the_very_bytes_that_the_same_folder_gives(tmp_path: Path, storage: int, form: str) -> None:
    for hour in range(3):
        write(tmp_path / "in", form, "events", [click(f"u{hour}", hour=hour)], hour)
        write(tmp_path / "in", form, "items", [{"item_id": "a", **ITEM, "updated_at": None}], hour)
    upload(storage, tmp_path / "in", f"same/{form}")
    here, there = settings_of(tmp_path, form), in_bucket(tmp_path, form, storage, f"shop/same/{form}")
    hours = hours_between(FIRST, FIRST + 2 * HOUR)
    for settings in (here, there):
        for stage in ("ingest_events", "ingest_catalog"):
            list(run_stage_of_hours(stage, hours, settings))
    for table in ("events", "delivered_rows", "items"):
        for hour in range(3):
            assert landed(here, table, hour).equals(landed(there, table, hour))
    assert not list((there.lake / ".staging").iterdir())


def test_a_missing_bucket_is_named(tmp_path: Path, storage: int) -> None:
    with pytest.raises(BadInput, match=r"source csv_folder: there is no bucket nowhere\."):
        run_stage("ingest_events", FIRST, in_bucket(tmp_path, "csv", storage, "nowhere/x"))


def test_missing_keys_are_hours_without_events(tmp_path: Path, storage: int) -> None:
    settings = in_bucket(tmp_path, "csv", storage, "shop/empty")
    assert run_stage("ingest_events", FIRST, settings).notes == (
        "no events in this hour: there is no file events/2026-01-05/10/*.csv in s3://shop/empty",
    )


@pytest.mark.parametrize("place", [".", "events/2026-01-05/10"])
def test_checksums_in_a_bucket_hold_too(tmp_path: Path, storage: int, place: str) -> None:
    path = write(tmp_path / "in", "csv", "events", [click("u")])
    write_sums(tmp_path / "in" / place)
    upload(storage, tmp_path / "in", f"sums{len(place)}")
    with bucket_storage(storage).open_output_stream(
        f"shop/sums{len(place)}/{place}/SHA256SUMS".replace("/./", "/")
    ) as stream:
        stream.write((tmp_path / "in" / place / "SHA256SUMS").read_bytes())
    settings = in_bucket(tmp_path, "csv", storage, f"shop/sums{len(place)}", require_checksums=True)
    run_stage("ingest_events", FIRST, settings)
    assert users(settings) == ["u"]
    path.write_bytes(path.read_bytes().replace(b"u", b"v"))
    upload(storage, tmp_path / "in", f"sums{len(place)}")
    with pytest.raises(Unreadable, match=r"a\.csv is not what SHA256SUMS says"):
        list(run_stage_of_hours("ingest_events", [FIRST], settings, repull=True))


def test_a_missing_file_that_is_named_in_the_contract_is_said(tmp_path: Path, storage: int) -> None:
    settings = load_settings(
        home=tmp_path, source="bestbuy", source_url=f"s3://shop/empty?endpoint=http://127.0.0.1:{storage}"
    )
    with pytest.raises(AuditFailed, match=r"contract of source bestbuy: file train\.csv is missing; file test\.csv is"):
        run_stage("ingest_events", FIRST, settings)


def test_a_line_that_is_cut_is_one_sentence_without_keys_and_the_next_try_is_whole(
    tmp_path: Path, storage: int
) -> None:
    content = [click(f"u{place}", event_id=f"e{place}") for place in range(5000)]
    write(tmp_path / "in", "csv", "events", content)
    upload(storage, tmp_path / "in", "cut")
    with proxy(("127.0.0.1", storage)) as line:
        settings = in_bucket(tmp_path, "csv", line.port, "shop/cut")
        for limit in (0, 2500, 100_000):
            line.reset(limit=limit)
            with pytest.raises(Unreachable, match=r"source csv_folder: s3://shop/cut cannot be read: ") as error:
                run_stage("ingest_events", FIRST, settings)
            assert "\n" not in str(error.value)
            assert "canary" not in str(error.value)
            assert landed_hours(settings.lake, "ingest_events", FIRST, FIRST) == []
        line.reset()
        run_stage("ingest_events", FIRST, settings)
    assert len(users(settings)) == 5000


def test_a_url_with_words_that_nobody_knows_is_refused_without_its_secrets(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "csv", source_url="s3://me:canary@shop/x?secret=canary&secret_key=canary")
    with pytest.raises(BadInput, match="secret is not known in an s3 URL; known are endpoint, region") as error:
        run_stage("ingest_events", FIRST, settings)
    assert "canary" not in str(error.value)
