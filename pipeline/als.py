"""The model: implicit-feedback ALS (Hu, Koren & Volinsky, ICDM 2008) as `implicit` computes it on the CPU.

Confidence of a pair of weight w that a user met is 1 + alpha * log(1 + w), that of an unseen pair 1, so that a fading
interest never counts less than none at all and a tenth purchase counts less than the first. A pair that only a search
points at counts alpha * log(1 + w), which may be less than an unseen pair: a hint, not a deed. Alpha and regularisation
follow from the data's density and two settings (docs/decisions/0032-relative-alpha.md). All arrays are float32; the same
input gives the same bytes for any number of threads.
"""

import numpy as np
import scipy.sparse as sp
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pipeline.settings import Settings

UNIT = 1_000_000  # weights in tables are whole millionths
MOST_HELD_BACK = 1.0  # as a share of the evidence: about twice that would pull every factor to zero

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


def scale_alpha(weights: NDArray[np.int64], shape: tuple[int, int], settings: Settings) -> float:
    """The alpha for pairs of these weights (millionths) in a matrix of this shape, so that one setting suits all data."""
    interest = float(np.log1p(weights / UNIT).mean()) if len(weights) else 0.0
    return fit_alpha(interest, len(weights), shape, settings)


def fit_alpha(interest: float, pairs: int, shape: tuple[int, int], settings: Settings) -> float:
    """The alpha for so many pairs, of this interest (log(1 + weight)) on average, in a matrix of this shape.

    An average pair counts 1 + setting * density^(-2/3), where density is the share of the cells that are pairs: the
    sparser the data, the more a pair says against the many cells that say nothing.
    """
    if not interest:
        return settings.alpha
    return settings.alpha * float(shape[0] * shape[1] / pairs) ** (2 / 3) / interest


def confidence(
    weights: NDArray[np.int64], met: NDArray[np.bool_], rows: Ints, columns: Ints, shape: tuple[int, int], alpha: float
) -> sp.csr_matrix:
    """The confidences, one cell per pair, from weights in millionths; `met` is False for mere hints."""
    values = alpha * np.log1p(weights / UNIT) + met
    return sp.csr_matrix((values.astype(np.float32), (rows, columns)), shape=shape)


def scale_regularization(matrix: sp.csr_matrix, settings: Settings) -> float:
    """The regularisation for a matrix of confidences, so that one setting suits all data."""
    pairs = max(matrix.nnz, 1)
    return fit_regularization(float(matrix.sum(dtype=np.float64)) / pairs, pairs, max(sum(matrix.shape), 1), settings)


def fit_regularization(strength: float, pairs: int, lines: int, settings: Settings) -> float:
    """The regularisation for so many pairs, of this confidence on average, in so many rows and columns: an absolute one
    collapses a small shop to zero and does not hold back a large one at all.

    It grows with the square root of the confidence of a pair and the cube root of the pairs of an average row or column
    (fitted to six data sets), but takes no more than MOST_HELD_BACK of the confidence that these carry.
    """
    fitting = settings.regularization * strength**0.5 * (2 * pairs / lines) ** (1 / 3)
    return min(fitting, MOST_HELD_BACK * strength * pairs / lines)


def own_threads() -> threadpool_limits:
    """While this is entered BLAS keeps to one thread: the model runs its own, and more would fight for the cores."""
    return threadpool_limits(limits=1, user_api="blas")


def _model(settings: Settings, regularization: float) -> AlternatingLeastSquares:
    return AlternatingLeastSquares(
        factors=settings.factors,
        regularization=regularization,
        alpha=1.0,  # the matrix holds the confidences themselves
        iterations=settings.iterations,
        num_threads=settings.threads,
        random_state=settings.seed,
        dtype=np.float32,
    )


def fit(matrix: sp.csr_matrix, regularization: float, settings: Settings) -> tuple[Floats, Floats]:
    """Factors of the rows (users x d) and columns (items x d) of a confidence matrix.

    Starts from normal(0, 0.1/sqrt(d)) draws (Rendle et al., RecSys 2022), seeded.
    """
    generator = np.random.default_rng(settings.seed)
    spread = 0.1 / np.sqrt(settings.factors)
    with own_threads():
        model = _model(settings, regularization)
        model.user_factors = generator.normal(0, spread, (matrix.shape[0], settings.factors)).astype(np.float32)
        model.item_factors = generator.normal(0, spread, (matrix.shape[1], settings.factors)).astype(np.float32)
        model.fit(matrix, show_progress=False)
    return np.asarray(model.user_factors), np.asarray(model.item_factors)


def pass_once(
    matrix: sp.csr_matrix, item_factors: Floats, regularization: float, settings: Settings
) -> tuple[Floats, Floats]:
    """Factors of rows and columns after one pass from the columns' factors of an earlier model (items x d).

    Rows start from nothing: what they were before would make little difference, for they are solved for first.
    """
    with own_threads():
        model = _model(settings, regularization)
        model.iterations = 1
        model.user_factors = np.zeros((matrix.shape[0], settings.factors), np.float32)
        model.item_factors = item_factors.copy()
        model.fit(matrix, show_progress=False)
    return np.asarray(model.user_factors), np.asarray(model.item_factors)


def fold_in(item_factors: Floats, matrix: sp.csr_matrix, regularization: float, settings: Settings) -> Floats:
    """Factors (rows x d) of rows that were not trained on, given the items' factors and what they were trained with."""
    if not matrix.shape[0] or not matrix.shape[1]:
        return np.zeros((matrix.shape[0], item_factors.shape[1]), np.float32)
    with own_threads():
        model = _model(settings, regularization)
        model.item_factors = item_factors
        return np.asarray(model.recalculate_user(np.arange(matrix.shape[0]), matrix), np.float32)
