"""What a recursive feature machine takes: its trials on few rows, the metric's fits on more, and the last one."""

from typing import Any

import numpy as np
from sklearn.base import clone

from widelearn.estimators.costs import FitCost
from widelearn.estimators.kernel_ridge.model import is_precomputed
from widelearn.estimators.rates import FACTORED, INVERTED, TURNED, entry_seconds, left_out_work, product_seconds
from widelearn.estimators.recursive.leaves import EVERY, JUDGES, leaf_rows, shape
from widelearn.estimators.recursive.recursion import (
    CHOICE_ROWS,
    HELD_OUT,
    HELD_OUT_ROWS,
    LENGTH_ROWS,
    METRIC_ROWS,
    METRIC_SHARE,
    TRIED_ROWS,
    candidates,
)
from widelearn.kernels import Laplace, as_kernel
from widelearn.kernels.gradients import check_radial
from widelearn.kernels.radial import settled
from widelearn.ridge.paths import check_alphas

# Runs of iterations by the largest penalty of gradients, and penalties that an iteration judges.
RUNS, JUDGED = 2, 2
# Kernel values that the values and slopes of a pair of rows are worth.
SLOPES = 2.0


def foreseen_recursion(draft: Any, X: Any, y: Any) -> FitCost:
    """Return what a fit takes at most: it ends where iterations gain little, and tries fewer runs as a rule."""
    rows = draft._read(X, y, None)
    if is_precomputed(draft.kernel):
        raise ValueError("kernel='precomputed' has no gradients: give the rows and RBF, Laplace or Matern.")
    kernel = clone(as_kernel(draft.kernel, Laplace()))
    check_radial(kernel)
    kernel, alphas = settled(kernel, rows.X), check_alphas(draft.alphas)
    (n, d), t, iterations = rows.X.shape, rows.Y.shape[1], int(draft.n_iter)
    entry, unit, single = entry_seconds(kernel, rows.X), product_seconds(), product_seconds(np.float32)
    axes = 0.0 if draft.metric == "diagonal" else TURNED * float(d) ** 3

    def stepped(m: float, rate: float) -> float:
        """Seconds of a fit to m rows, and of its gradients' outer product."""
        products = m * m * t * (d + 1.0) + m * t * (d if draft.metric == "diagonal" else d * d)
        return m * m * entry * (0.5 + SLOPES) + (FACTORED * m**3 + products) * rate + axes * unit

    first = min(n, LENGTH_ROWS)
    count = len(candidates(kernel, rows.X[:64]))
    seconds = count * (first**2 / 2 * entry + left_out_work(first, alphas, np.ones(1)) * unit)
    if n <= CHOICE_ROWS:
        folds = min(int(draft.n_folds), n)
        judged = n * n / 2 * entry + JUDGED * INVERTED * float(n) ** 3 * unit
        seconds += RUNS * iterations * folds * (judged + stepped((1.0 - 1.0 / folds) * n, unit))
        seconds += iterations * stepped(float(n), unit)
    else:
        held = min(int(HELD_OUT * n), HELD_OUT_ROWS)
        tried, most = float(min(n - held, TRIED_ROWS)), float(min(int(METRIC_SHARE * n), METRIC_ROWS))
        judged = (tried**2 / 2 + held * tried) * entry + FACTORED * tried**3 * single
        seconds += RUNS * (iterations + 1) * (JUDGED * judged) + RUNS * iterations * stepped(tried, single)
        seconds += iterations * stepped(most, single) if most > tried else 0.0
    size = leaf_rows(n, d, t, draft.leaf_size)
    each, leaves = (n, 1) if size >= n else shape(n, size)
    last = each**2 / 2 * entry + FACTORED * float(each) ** 3 * unit
    seconds += leaves * last + (JUDGES * JUDGED * (1.0 - 1.0 / EVERY) ** 3 * last if leaves > 1 else 0.0)
    values = leaves * each**2 / 2
    return FitCost("recursive", seconds, values, 2.0 * leaves * FACTORED * float(each) ** 3, 8 * each**2, True)
