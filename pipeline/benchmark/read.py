"""Other people's files: pairs as CSV or Parquet, and the line formats of LightGCN and of the NCF split.

All of them become one table of user, item (text), weight and time; what cannot be read is one sentence with file and line.
"""

import re
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import BadInput

NAMES = {
    "user": {"user", "userid", "uid", "customer", "customerid", "visitor", "visitorid", "member", "memberid"},
    "item": {"item", "itemid", "iid", "product", "productid", "sku", "movie", "movieid", "stockcode", "asin"},
    "weight": {"weight", "count", "n"},
    "rating": {"rating", "stars", "score"},
    "time": {"time", "timestamp", "ts", "datetime", "date", "unixtime", "clicktime", "invoicedate"},
}
IN_ORDER = ("user", "item", "rating", "time")  # of a file without a header
LOOKED_AT = 200  # first lines by which a format is told


def read_pairs(path: Path, format_name: str = "auto") -> pd.DataFrame:
    """Columns user, item (text), weight (float, 1 where the file has none) and time (float, NaN where it has none).

    A rating is a mark, not an amount: it is not used as a weight. Raises `BadInput`.
    """
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file.")
    if path.read_bytes()[:4] == b"PAR1":
        raw, named, first_line = _read_parquet(path), True, 1
    elif (format_name if format_name != "auto" else tell_format(path)) == "lightgcn":
        return _read_lines(path)
    else:
        raw, named, first_line = _read_text(path, format_name)
    columns = find_columns(path, [str(name) for name in raw.columns]) if named else _in_order(path, raw)
    return _finish(path, raw, columns, first_line)


def tell_format(path: Path) -> str:
    """`lightgcn` for lines of numbers of differing length, else `pairs`; raises `BadInput` where it may be either."""
    lines = [line.split(" ") for line in _first_lines(path)]
    if any("\t" in line or "," in line for words in lines for line in words) or len(lines) < 1:
        return "pairs"
    if not all(word.isdigit() for words in lines for word in words):
        return "pairs"
    lengths = {len(words) for words in lines}
    if len(lengths) > 1 or max(lengths) > len(IN_ORDER):
        return "lightgcn"
    if lengths <= {1, 2}:
        return "pairs"
    raise BadInput(
        f"{path}: lines of {max(lengths)} numbers may be 'user item item …' or 'user item rating …'; give --format "
        "lightgcn or --format pairs."
    )


def find_columns(path: Path, names: list[str]) -> dict[str, int]:
    """Where the columns stand in a header such as `user_id,item_id,rating,timestamp`; raises `BadInput`."""
    found: dict[str, int] = {}
    for place, name in enumerate(names):
        plain = _plain(name)
        for column, known in NAMES.items():
            if plain in known and column not in found:
                found[column] = place
    missing = [column for column in ("user", "item") if column not in found]
    if missing:
        raise BadInput(
            f"{path}: no column for {' and '.join(missing)} among {', '.join(map(repr, names[:8]))}; name the columns "
            "user, item and, if there are such, weight or rating and time."
        )
    return found


def read_negatives(path: Path) -> pd.DataFrame:
    """Columns user, item (text) and negatives (a list of text) of lines such as `(0,25)<tab>1064<tab>174 …`."""
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file.")
    rows = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            words = line.split()
            if not words:
                continue
            positive = re.fullmatch(r"\(([^,()]+),([^,()]+)\)", words[0])
            if not positive or len(words) < 2:
                raise BadInput(f"{path}, line {number}: not of the form '(user,item) negative negative …'.")
            rows.append((positive[1], positive[2], words[1:]))
    if not rows:
        raise BadInput(f"{path}: the file is empty.")
    return pd.DataFrame(rows, columns=["user", "item", "negatives"])


def _plain(name: str) -> str:
    """A column's name without type (`user_id:token`), case and signs."""
    return re.sub(r"[^a-z]", "", name.split(":")[0].lower())


def _first_lines(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        lines = [line.strip() for line in islice(file, LOOKED_AT)]
    lines = [line for line in lines if line]
    if not lines:
        raise BadInput(f"{path}: the file is empty.")
    return lines


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pq.read_table(path).to_pandas()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise BadInput(f"{path}: not a Parquet file that can be read: {str(error).splitlines()[0]}.") from None


def _read_text(path: Path, format_name: str) -> tuple[pd.DataFrame, bool, int]:
    """The file's cells as text, whether it has a header, and the line that the first of them stands on."""
    first = _first_lines(path)[0]
    delimiter = next((sign for sign in ("\t", "::", ";", ",") if sign in first), r"\s+")
    if format_name == "ncf" and delimiter != "\t":
        raise BadInput(f"{path}, line 1: not of the form 'user item rating time' with tabs between.")
    words = [
        word.strip('"') for word in (re.split(delimiter, first) if delimiter == r"\s+" else first.split(delimiter))
    ]
    known = set().union(*NAMES.values())
    named = any(_plain(word) in known for word in words) or not any(sign.isdigit() for sign in first)
    try:
        cells = pd.read_csv(
            path,
            sep=delimiter,
            engine="python" if delimiter == "::" else "c",
            header=0 if named else None,
            dtype=str,
            na_filter=False,
            index_col=False,
            skip_blank_lines=False,
            encoding="utf-8-sig",
        )
    except pd.errors.ParserError as error:
        told = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        if not told:
            raise BadInput(f"{path}: {str(error).strip().splitlines()[0]}.") from None
        raise BadInput(f"{path}, line {told[2]}: {told[3]} fields instead of {told[1]}.") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: byte {error.start + 1} is not UTF-8.") from None
    return cells, named, 2 if named else 1


def _in_order(path: Path, raw: pd.DataFrame) -> dict[str, int]:
    if not 2 <= raw.shape[1] <= len(IN_ORDER):
        raise BadInput(
            f"{path}, line 1: {raw.shape[1]} fields without a header; give 'user item [rating [time]]', or a header."
        )
    return dict(zip(IN_ORDER, range(raw.shape[1]), strict=False))


def _finish(path: Path, raw: pd.DataFrame, columns: dict[str, int], first_line: int) -> pd.DataFrame:
    """The agreed columns; blank lines are left out, a cell that cannot be used is named by its line."""
    cells = {name: raw.iloc[:, place].reset_index(drop=True) for name, place in columns.items()}
    ids = {name: cells[name].astype("str").fillna("").str.strip() for name in ("user", "item")}
    empty = {name: (ids[name] == "") | cells[name].isna() for name in ids}
    blank = empty["user"] & empty["item"]
    for name in ids:
        _refuse(path, empty[name] & ~blank, first_line, f"no {name}")
    weight = pd.Series(1.0, index=blank.index)
    if "weight" in cells:
        weight = pd.to_numeric(cells["weight"], errors="coerce").astype("float64")
        _refuse(path, ~(np.isfinite(weight) & (weight > 0)) & ~blank, first_line, "the weight is no number above 0")
    time = read_time(cells["time"]) if "time" in cells else pd.Series(np.nan, index=blank.index)
    if "time" in cells:
        _refuse(path, time.isna() & ~blank, first_line, "the time is neither a number nor a date")
    pairs = pd.DataFrame({**ids, "weight": weight, "time": time})[~blank].reset_index(drop=True)
    if pairs.empty:
        raise BadInput(f"{path}: there are no pairs in it.")
    return pairs


def read_time(cells: pd.Series) -> pd.Series:
    """Numbers as they are, dates as seconds since 1970; NaN for what is neither."""
    if pd.api.types.is_datetime64_any_dtype(cells):
        return (cells - pd.Timestamp(0, tz=cells.dt.tz)).dt.total_seconds()
    numbers = pd.to_numeric(cells, errors="coerce")
    if numbers.notna().any():
        return numbers.astype("float64")
    dates = pd.to_datetime(cells, errors="coerce", utc=True, format="ISO8601")
    return (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds()


def _refuse(path: Path, wrong: pd.Series, first_line: int, what: str) -> None:
    count = int(wrong.sum())
    if count:
        place = int(np.flatnonzero(wrong.to_numpy())[0])
        where = "row" if path.suffix == ".parquet" else "line"
        line = place + (1 if where == "row" else first_line)
        raise BadInput(f"{path}, {where} {line}: {what}" + (f" ({count:,} such {where}s)." if count > 1 else "."))


def _read_lines(path: Path) -> pd.DataFrame:
    """Lines of `user item item …`; a user without items is left out."""
    users: list[str] = []
    items: list[str] = []
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            words = line.split()
            if not all(word.isdigit() for word in words):
                raise BadInput(f"{path}, line {number}: not of the form 'user item item …' with numbers only.")
            users += words[:1] * (len(words) - 1)
            items += words[1:]
    if not users:
        raise BadInput(f"{path}: there are no pairs in it.")
    return pd.DataFrame({"user": users, "item": items}).assign(weight=1.0, time=np.nan)
