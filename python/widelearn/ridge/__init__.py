"""The functional layer: ridge problems on plain arrays, and statistics of them that merge."""

from widelearn.ridge.conjugate_gradients import pcg
from widelearn.ridge.moments import Moments
from widelearn.ridge.paths import gcv, loo, path, solve
from widelearn.ridge.rpcholesky import rp_cholesky

__all__ = ["Moments", "gcv", "loo", "path", "pcg", "rp_cholesky", "solve"]
