"""The command `benchmark`: what a person types, what a person reads, what is written."""

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline import cli
from pipeline.benchmark import tune as tuning
from pipeline.errors import BadInput
from pipeline.files import hash_file


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Train and test of a checkerboard in LightGCN's lines, and the same test in the NCF form with negatives."""
    monkeypatch.setenv("TREASURE_HUNT_FACTORS", "8")
    monkeypatch.setattr(tuning, "FIRST_FACTORS", 4)
    train, test, negatives = [], [], []
    for user in range(30):
        right = [item for item in range(30) if item % 2 == user % 2]
        kept = [item for item in right if item not in (user, (user + 2) % 30)]
        train.append(f"{user} {' '.join(map(str, kept))}{' ' if user else ''}")
        test.append(f"{user} {user} {(user + 2) % 30}" if user else "0 0")
        wrong = "\t".join(str(item) for item in range(30) if item % 2 != user % 2)
        negatives.append(f"({user},{user})\t{wrong}")
    for name, lines in (("train.txt", train), ("test.txt", test), ("negative", negatives)):
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    (tmp_path / "one.tsv").write_text("".join(f"{user}\t{user}\t5\t{user + 100}\n" for user in range(30)))
    return tmp_path


def call(folder: Path, *words: str, test: str = "test.txt") -> Result:
    return CliRunner().invoke(
        cli.app, ["benchmark", "--train", str(folder / "train.txt"), "--test", str(folder / test), *words]
    )


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "out" / "benchmark.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_of_all_rivals_is_shown_and_written_with_what_it_rests_on(files: Path) -> None:
    said = call(
        files, "--k", "2", "--k", "1", "--out", str(files / "out"), "--beside", "gowalla", "--format", "lightgcn"
    )
    assert said.exit_code == 0, said.output
    assert "390 pairs of 30 users and 30 items; judged by 59 items of 30 users, ranked among all items" in said.output
    assert "published, not measured here: BARS; LightGCN's split, full ranking" in said.output
    rows = rows_of(files)
    measured = [row for row in rows if not row["model"].startswith("published")]
    names = ["ours", "ours + item-kNN", "popular", "item-kNN, BM25", "item-kNN, cosine", "EASE"]
    assert [(row["model"], row["k"]) for row in measured] == [(name, k) for name in names for k in ("1", "2")]
    assert {row["model"]: float(row["recall"]) for row in measured if row["k"] == "2"}["ours"] == 1
    assert {row["recall"] for row in rows if row["model"] == "published: EASE"} == {"0.1765"}
    written = json.loads((files / "out" / "benchmark.json").read_text())
    assert written["inputs"]["train"] == {"file": "train.txt", "sha256": hash_file(files / "train.txt")}
    assert written["settings"]["factors"] == 8 and written["versions"]["implicit"]
    assert len(written["rows"]) == len(rows)


def test_with_negatives_only_these_are_ranked_beside_the_test_item(files: Path) -> None:
    said = call(files, "--negatives", str(files / "negative"), "--out", str(files / "out"), "--k", "1", test="one.tsv")
    assert said.exit_code == 0, said.output
    assert "ranked among 15 negatives" in said.output
    assert {row["model"]: row["hit_rate"] for row in rows_of(files)}["ours"] == "1.0"


def test_tuning_never_reads_the_test(files: Path) -> None:
    tried = []
    for test in ("test.txt", "one.tsv"):
        out = files / test.split(".")[0]
        said = call(files, "--tune", "0.02", "--k", "3", "--out", str(out), test=test)
        assert said.exit_code == 0, said.output
        assert "tuned: NDCG@3" in said.output and "ours, tuned" in said.output
        lines = [json.loads(line) for line in (out / "trials.jsonl").read_text().splitlines()]
        tried.append([(line["of"], line["knobs"], line["ndcg"]) for line in lines])
    shorter = min(map(len, tried))
    assert shorter and tried[0][:shorter] == tried[1][:shorter]


def test_a_second_run_gives_the_same_figures(files: Path) -> None:
    figures = []
    for _ in range(2):
        call(files, "--out", str(files / "out"))
        figures.append([(row["model"], row["recall"], row["ndcg"], row["mrr"]) for row in rows_of(files)])
    assert figures[0] == figures[1]


def test_bad_input_is_one_sentence(files: Path) -> None:
    (files / "bad.csv").write_text("user,item\na,b\n,c\n")
    said = call(files, test="bad.csv")
    assert isinstance(said.exception, BadInput)
    assert str(said.exception) == f"{files / 'bad.csv'}, line 3: no user."
