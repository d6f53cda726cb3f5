"""What is said of a file that cannot be read: the line and what is wrong there, and nothing of what it holds."""

from pathlib import Path

import pytest

from pipeline.hours import parse_hour
from pipeline.run import Run
from pipeline.settings import load_settings
from pipeline.sources.damage import find_fault, unreadable

GOOD = b"a,b,c\n1,2,3\n"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (GOOD, ""),
        (GOOD + b'\n4,"5\n5",6', ""),
        (b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n"), ""),
        (b"", "it is empty: there is not even a header"),
        (GOOD.decode().encode("utf-16"), "it is UTF-16, not UTF-8"),
        (b"\x1f\x8b\x08", "it is compressed (gzip); deliver it unpacked"),
        (b"PK\x03\x04", "it is a spreadsheet or a zip archive, not CSV"),
        (b"PAR1", "it is Parquet, not CSV"),
        (GOOD + b"\xe9,5,6\n", "line 3 is not UTF-8"),
        (GOOD + b"4\n", "line 3 has 1 field, the header has 3"),
        (GOOD + b'"4\n4",5,6,7\n', "line 3 has 4 fields, the header has 3"),
        (GOOD + b'4,"5,6\n7,8,9\n', "line 3: a quote is never closed"),
        (GOOD + b'4,"5"x,6\n', "line 3: a quote closes in the middle of a field"),
        (GOOD + b"4,5,6\r\n", "line 3 ends otherwise than line 1: some lines end as on Windows, some do not"),
    ],
)
def test_the_first_fault_of_a_csv_file_is_named_with_its_line(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert find_fault(path) == fault


def test_of_several_files_the_one_with_the_fault_is_named_and_what_to_do(tmp_path: Path) -> None:
    run = Run(parse_hour("2026-01-05T10"), load_settings(home=tmp_path, source="csv_folder"))
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for path, content in zip(paths, (GOOD, GOOD + b"canary\n"), strict=True):
        path.write_bytes(content)
    assert str(unreadable(run, "here", paths)) == (
        "source csv_folder: cannot read here/b.csv: line 3 has 1 field, the header has 3; have it mended or delivered "
        "again, then run the hour again."
    )


def test_what_the_reader_says_stands_where_no_fault_is_found(tmp_path: Path) -> None:
    run = Run(parse_hour("2026-01-05T10"), load_settings(home=tmp_path, source="csv_folder"))
    assert "cannot read here: odd; have" in str(unreadable(run, "here", [], ValueError("odd\ncanary")))
