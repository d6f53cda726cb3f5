"""Other people's files: each format gives the same pairs, and what cannot be read is one sentence with file and line."""

from pathlib import Path

import pandas as pd
import pytest

from pipeline.benchmark.read import read_negatives, read_pairs, tell_format
from pipeline.errors import BadInput


def write(folder: Path, text: str | bytes, name: str = "pairs.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def pairs_of(path: Path, format_name: str = "auto") -> list[tuple[str, str]]:
    return list(read_pairs(path, format_name)[["user", "item"]].itertuples(index=False, name=None))


@pytest.mark.parametrize(
    "text",
    [
        "user,item\n1,7\n1,8\n2,7\n",
        "item_id,user_id\n7,1\n8,1\n7,2\n",
        "user_id:token\titem_id:token\n1\t7\n1\t8\n2\t7\n",
        'CustomerID;"StockCode"\r\n1;7\r\n1;8\r\n2;7\r\n',
        "\ufeffuser,item\n1,7\n1,8\n\n2,7\n\n",
        "1,7\n1,8\n2,7\n",
        "1::7::5::9\n1::8::3::9\n2::7::1::9\n",
        "1\t7\t5\t978300760\n1\t8\t3\t978300761\n2\t7\t4\t978300762\n",
        "1 7 8\n2 7\n",
        "1 7\n1 8\n2 7",
    ],
    ids=["csv", "order", "atomic", "semicolon", "blank lines", "no header", "colons", "ncf", "lightgcn", "spaces"],
)
def test_every_format_gives_the_same_pairs(tmp_path: Path, text: str) -> None:
    assert pairs_of(write(tmp_path, text)) == [("1", "7"), ("1", "8"), ("2", "7")]


def test_parquet_gives_the_same_as_csv_whatever_it_is_called(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"sku": [7, 8], "user": ["a", "b"], "weight": [1.5, 2.0], "time": pd.to_datetime([5, 6], unit="s")}
    )
    frame.to_parquet(tmp_path / "pairs")
    frame.to_csv(tmp_path / "pairs.csv", index=False)
    one, other = read_pairs(tmp_path / "pairs"), read_pairs(tmp_path / "pairs.csv")
    assert one.to_dict("list") == other.to_dict("list")
    assert one.to_dict("list") == {"user": ["a", "b"], "item": ["7", "8"], "weight": [1.5, 2.0], "time": [5.0, 6.0]}


def test_a_rating_is_a_mark_and_no_weight(tmp_path: Path) -> None:
    assert read_pairs(write(tmp_path, "user,item,rating\na,b,5\n"))["weight"].tolist() == [1.0]


def test_users_without_items_are_left_out_of_lightgcn_lines(tmp_path: Path) -> None:
    assert pairs_of(write(tmp_path, "0 4 5 \n1 \n2 6 7 8\n"), "lightgcn") == [
        ("0", "4"), ("0", "5"), ("2", "6"), ("2", "7"), ("2", "8")
    ]  # fmt: skip


def test_lines_of_equal_length_are_not_guessed(tmp_path: Path) -> None:
    path = write(tmp_path, "0 4 5\n1 4 6\n")
    with pytest.raises(BadInput, match=r"pairs\.csv: lines of 3 numbers may be .*--format"):
        tell_format(path)
    assert pairs_of(path, "lightgcn") == [("0", "4"), ("0", "5"), ("1", "4"), ("1", "6")]
    assert pairs_of(path, "pairs") == [("0", "4"), ("1", "4")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"pairs\.csv: the file is empty\."),
        ("user,item\n", r"pairs\.csv: there are no pairs in it\."),
        ("who,what\na,b\n", r"pairs\.csv: no column for user and item among 'who', 'what'; name"),
        ("user,what\na,b\n", r"no column for item among 'user', 'what'"),
        ("user,item\na,b\nc,d,e\n", r"pairs\.csv, line 3: 3 fields instead of 2"),
        ("user,item\na,b\n,d\n", r"pairs\.csv, line 3: no user\."),
        ("user,item\na,b\nc\nd\n", r"pairs\.csv, line 3: no item \(2 such lines\)\."),
        ("user,item,weight\na,b,1\nc,d,x\n", r"line 3: the weight is no number above 0"),
        ("user,item,weight\na,b,nan\n", r"line 2: the weight is no number above 0"),
        ("user,item,weight\na,b,-1\n", r"line 2: the weight is no number above 0"),
        ("user,item,time\na,b,soon\n", r"line 2: the time is neither a number nor a date"),
        ("1,2,3,4,5\n", r"line 1: 5 fields without a header"),
        (b"user,item\na,\xff\n", r"not UTF-8"),
        (b"PAR1 and nothing else", r"not a Parquet file"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_with_file_and_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        read_pairs(write(tmp_path, text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "format_name", "said"),
    [
        ("0 1 2\n1 x\n", "lightgcn", "line 2: not of the form 'user item item"),
        ("1,2,3,4\n", "ncf", "line 1: not of the form"),
    ],
)
def test_a_format_that_was_named_is_held_against_the_file(
    tmp_path: Path, text: str, format_name: str, said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        read_pairs(write(tmp_path, text), format_name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for read in (read_pairs, read_negatives):
        with pytest.raises(BadInput, match=r"nowhere: there is no such file\."):
            read(tmp_path / "nowhere")


def test_negatives_are_lines_of_a_pair_and_items(tmp_path: Path) -> None:
    found = read_negatives(write(tmp_path, "(0,25)\t1064\t174\n(1,133)\t7\n\n"))
    assert found.to_dict("list") == {"user": ["0", "1"], "item": ["25", "133"], "negatives": [["1064", "174"], ["7"]]}
    with pytest.raises(BadInput, match=r"line 2: not of the form '\(user,item\)"):
        read_negatives(write(tmp_path, "(0,25)\t1\n1,133\t7\n"))
