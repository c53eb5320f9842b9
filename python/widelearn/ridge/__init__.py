"""The functional layer: ridge problems on plain arrays, and statistics of them that merge."""

from widelearn.ridge.moments import Moments
from widelearn.ridge.path import gcv, loo, path
from widelearn.ridge.pcg import pcg
from widelearn.ridge.rpcholesky import rp_cholesky
from widelearn.ridge.solver import solve

__all__ = ["Moments", "gcv", "loo", "path", "pcg", "rp_cholesky", "solve"]
