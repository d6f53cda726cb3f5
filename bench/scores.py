"""What finding each row's best items takes beside the bare product of the factors: `python bench/scores.py [rows] [items]`.

Factors and what is left out (four columns a row) are made up. Prints the least CPU-seconds of five turns: of the product by
BLAS in blocks, of `implicit.recommend` with what is left out, and of `pipeline.topk.best_items`.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

from pipeline import als, topk
from pipeline.settings import load_settings

K, LEFT_OUT, BLOCK, TURNS = 20, 4, 256, 5
NOTHING = np.zeros(0, np.int32)


def main(rows: int, items: int) -> None:
    """Measure and print."""
    generator = np.random.default_rng(0)
    columns = generator.integers(0, items, rows * LEFT_OUT)
    without = sp.csr_matrix((np.ones(len(columns), np.float32), (np.repeat(np.arange(rows), LEFT_OUT), columns)))
    without.resize(rows, items)
    for factors in (64, 128):
        of_rows, of_items = (generator.normal(size=(count, factors)).astype(np.float32) for count in (rows, items))
        model = als.AlternatingLeastSquares(factors=factors, num_threads=load_settings().threads)
        model.user_factors, model.item_factors = of_rows, of_items
        scores, settings = np.empty((BLOCK, items), np.float32), load_settings(factors=factors)
        with als.own_threads():
            product = least_cpu(multiply, of_rows, of_items, scores)
            whole = least_cpu(model.recommend, np.arange(rows), without, K)
            ours = least_cpu(topk.best_items, of_rows, of_items, K, without, NOTHING, settings)
        print(
            f"{rows:,} rows, {items:,} items, {factors} factors: product {product:.2f} CPU-s; implicit {whole:.2f}, "
            f"of which that is {product / whole:.0%}; best_items {ours:.2f}, {product / ours:.0%}"
        )


def multiply(of_rows: als.Floats, of_items: als.Floats, scores: als.Floats) -> None:
    """Every row by every item, a block of rows at a time into the same memory."""
    for start in range(0, len(of_rows), BLOCK):
        block = of_rows[start : start + BLOCK]
        np.matmul(block, of_items.T, out=scores[: len(block)])


def least_cpu(work: Callable[..., Any], *given: Any) -> float:
    """The least CPU-seconds of some turns of the work."""
    took = []
    for _ in range(TURNS):
        began = time.process_time()
        work(*given)
        took.append(time.process_time() - began)
    return min(took)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]) if len(sys.argv) > 1 else (30_000, 20_000))
