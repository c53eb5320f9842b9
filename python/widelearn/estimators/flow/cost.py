"""What the fit of a gradient flow takes: one decomposition of rows or features, and the choice of a time."""

from typing import Any

from widelearn.estimators.costs import FitCost
from widelearn.estimators.feature_ridge.cost import timed
from widelearn.estimators.feature_ridge.maps import is_pairwise
from widelearn.estimators.flow.choice import FOLDS, check_refits
from widelearn.estimators.flow.left_out import poles
from widelearn.estimators.flow.outputs import start_of
from widelearn.estimators.flow.problem import SEED, by_columns, is_map
from widelearn.estimators.flow.schedule import FIRST, LAST, Schedule
from widelearn.estimators.kernel_ridge.model import kernel_of
from widelearn.estimators.rates import TURNED, entry_seconds, product_seconds
from widelearn.kernels import Kernel, Linear
from widelearn.kernels.rows import check_square

REFUSED = (
    "A linearised model flows by the Jacobian of functions of your own, whose time for all rows a few do not tell: time"
    " a fit to some of the rows."
)


def foreseen_flow(draft: Any, X: Any, y: Any) -> FitCost:
    """Return what a fit takes, whose time is given or chosen."""
    rows, schedule, how = draft._read(X, y, None), Schedule.of(draft), draft.time
    if not isinstance(how, str):
        schedule.moments(how)
    if start_of(draft.kernel) is not None:
        raise ValueError(REFUSED)
    (n, d), targets, given = rows.X.shape, rows.Y.shape[1], draft.kernel
    if not is_map(given):
        kernel = kernel_of(given, rows.X)
        if not isinstance(kernel, Kernel):
            check_square(rows.X)
        given = "passthrough" if type(kernel) is Linear and by_columns(rows, draft.fit_intercept) else None
    elif is_pairwise(given):
        check_square(rows.X)
    unit = product_seconds()
    if given is None:
        known, size, values = None, n, n * n / 2 if isinstance(kernel, Kernel) else 0.0
        seconds = values * entry_seconds(kernel, rows.X) if isinstance(kernel, Kernel) else 0.0
        work, fixed = 0.0, True
    else:
        known, values = timed(given, SEED, rows), 0.0
        wide = n <= known.p or known.features.is_wide(n, d)
        size, fixed = n if wide else known.p, not known.features.looks_at_rows
        seconds, work = known.fitting + n * known.row, float(n) * known.p**2 / 2
        if wide:
            inner = n * n / 2 * known.entry if known.entry is not None else None
            seconds, work = (seconds + inner, 0.0) if inner is not None else (seconds, float(n) ** 2 * known.p / 2)
    work += TURNED * float(size) ** 3
    if how == "cv" and schedule.step is None and fixed:
        # Products of the rows' components with one column for each time, pole and part, for leverages and each target.
        work += 2.0 * (LAST - FIRST + 1) * len(poles()[0]) * (1 + targets) * float(n) * size
        seconds += 0.0 if known is None or size == n else n * known.row
        work += 0.0 if size == n else float(n) * size**2
    elif how in ("cv", "loo"):
        if how == "loo":
            check_refits(n)
        count = min(FOLDS if how == "cv" else n, n)
        share = 1.0 - 1.0 / count
        part = min(share * n, size)
        work += count * TURNED * part**3
        if known is not None:
            seconds += count * (share * known.fitting + n * known.row)
            work += count * share * n * min(known.p, share * n) * known.p / 2
    return FitCost("flow", seconds + work * unit, values, 2.0 * work, 8 * size * size)
