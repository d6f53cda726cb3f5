"""The model beside its rivals on anyone's data."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from pipeline import show
from pipeline.benchmark import compare, published, read
from pipeline.benchmark.tune import Trial
from pipeline.benchmark.world import World, build_world
from pipeline.cli_tune import say_trials, search_knobs
from pipeline.files import hash_file
from pipeline.settings import load_settings

app = typer.Typer(help=__doc__)


class Format(StrEnum):
    """The formats of `pipeline.benchmark.read`."""

    auto = "auto"
    pairs = "pairs"
    lightgcn = "lightgcn"
    ncf = "ncf"


class Beside(StrEnum):
    """The data sets of `pipeline.benchmark.published`."""

    ml_1m = "ml-1m"
    gowalla = "gowalla"


@app.command()
def benchmark(
    train: Annotated[Path, typer.Option(help="Pairs to learn from: CSV, Parquet or lines.")],
    test: Annotated[Path, typer.Option(help="Pairs to find again.")],
    negatives: Annotated[
        Path | None, typer.Option(help="Lines '(user,item) negative …': rank only these and the test item.")
    ] = None,
    k: Annotated[
        list[int] | None,
        typer.Option("--k", min=1, help="Length of the lists, may be given again; default: 20, with negatives 10."),
    ] = None,
    format_name: Annotated[Format, typer.Option("--format", help="What the files are.")] = Format.auto,
    minutes: Annotated[
        float,
        typer.Option(
            "--tune", min=0, metavar="MINUTES", help="First search our knobs so long, on a hold-out of train."
        ),
    ] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the table as JSON and CSV; a search goes on there.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the model, the hold-out and the order of equals.")] = 0,
    beside: Annotated[Beside | None, typer.Option(help="Also show what others published on this data set.")] = None,
) -> None:
    """Hold our model and simpler ones against a test set: recall, NDCG, hit rate, MRR, coverage, seconds, memory."""
    settings = load_settings(seed=seed)
    ks = sorted(set(k or [10 if negatives else 20]))
    if out:
        out.mkdir(parents=True, exist_ok=True)
    pairs, wanted = read.read_pairs(train, format_name), read.read_pairs(test, format_name)
    world = build_world(pairs, wanted, read.read_negatives(negatives) if negatives else None, seed)
    say_world(world)
    trials: list[Trial] = []
    if minutes:
        stands_for = {"train": hash_file(train), "format": format_name}
        sampled = 0 if world.candidates is None else world.candidates.shape[1] - 1
        given: dict[str, Any] = {"k": ks[0], "sampled": sampled, "seed": seed}
        trials = search_knobs(pairs, settings, minutes, out, stands_for, **given)
        say_trials(trials, ks[0])
    rows: list[compare.Row] = []
    with show.console.status("") as status:
        for some in compare.compare(world, settings, ks, compare.list_rivals(trials), status.update, show.sentence):
            rows += some
    if beside:
        rows += published.published_rows(beside)
    show.console.print(table_of(rows, f"{test.name}, learnt from {train.name}"))
    for source in sorted({row["source"] for row in rows if "source" in row}):
        show.sentence(f"published, not measured here: {source}")
    if out:
        files = {"train": train, "test": test, **({"negatives": negatives} if negatives else {})}
        options = {"k": ks, "format": format_name, "tune_minutes": minutes, "seed": seed, "beside": beside}
        for path in compare.write_files(out, rows, compare.describe(world, settings, files, options, trials)):
            show.sentence(f"written: {path}")


def say_world(world: World) -> None:
    """How large the data is, what is ranked, and what was left out."""
    users, items = world.train.shape
    ranked = "all items" if world.candidates is None else f"{world.candidates.shape[1] - 1} negatives"
    show.sentence(
        f"{world.train.nnz:,} pairs of {users:,} users and {items:,} items; judged by {int(world.counts.sum()):,} items of "
        f"{len(world.judged):,} users, ranked among {ranked}"
    )
    for note in world.notes:
        show.sentence(note, style="yellow")


def table_of(rows: list[compare.Row], title: str) -> Table:
    """The rows for the screen; what a row does not have stays empty."""
    names = {"learn_seconds": "learn s", "rank_seconds": "rank s", "peak_mb": "peak MB", "hit_rate": "hit rate"}
    columns = [column for column in compare.COLUMNS if column != "source"]
    numbers = [names.get(column, column) for column in columns if column != "model"]
    table = show.table(title, *(names.get(column, column) for column in columns), right=numbers)
    for row in rows:
        table.add_row(*(spell(column, row.get(column)) for column in columns))
    return table


def spell(column: str, value: float | str | None) -> str:
    """A cell of the table."""
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:.4f}" if column in compare.FIGURES else f"{value:,}"
