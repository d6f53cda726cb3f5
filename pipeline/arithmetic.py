"""Which kernels of linear algebra this process computes with: a processor of another kind rounds other last digits."""

from functools import cache

COMPUTED = ("train", "evaluate", "recommend")  # the stages whose tables hold what was computed by them


@cache
def kernels() -> str:
    """Their names, as OpenBLAS chose them for this processor (or was told by OPENBLAS_CORETYPE), like `SkylakeX`."""
    import numpy.linalg  # noqa: F401 (so that its library is loaded, and scipy's, which is another one)
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    libraries = [one for one in threadpool_info() if one["user_api"] == "blas"]
    return ", ".join(sorted({str(one.get("architecture", one["internal_api"])) for one in libraries}))
