"""Compare methods on a data frame, from Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from widelearn.experiments.comparison.methods import Method, applicable, choose, own
from widelearn.experiments.comparison.repeats import check, further
from widelearn.experiments.comparison.rows import metric_of
from widelearn.experiments.comparison.runner import Order
from widelearn.experiments.comparison.runner import compare as run
from widelearn.experiments.errors import InputError, listing
from widelearn.experiments.tables.problem import Request, build
from widelearn.experiments.tables.table import Table

if TYPE_CHECKING:
    import pandas as pd


def compare(
    frame: pd.DataFrame,
    target: str,
    models: Iterable[str] | Mapping[str, Any] | None = None,
    metric: str | None = None,
    *,
    task: str = "auto",
    weight: str | None = None,
    group: str | None = None,
    time: str | None = None,
    test_size: float = 0.25,
    repeat: int = 1,
    class_weight: str | None = None,
    time_limit: float | None = None,
    random_state: int = 0,
    threads: int | None = None,
    on_step: Callable[[str, float], None] | None = None,
) -> dict[str, Any]:
    """Tune and compare methods on a table, as ``widelearn compare`` does.

    A part of the rows is held out. Every method tries its fixed number of settings on the same training rows, at most
    3,000, by the same folds (kernels of at most 1,000 rows by leave-one-out errors). The method with the best
    cross-validated score is chosen; the held-out scores take no part in that. Each runs in a process of its own.

    Parameters
    ----------
    frame : DataFrame
        Features and target, a row each; at least 10 rows. Names of columns are taken as texts.
    target : str
        The column to predict.
    models : iterable of str, mapping of str to estimator, or None
        Names of this comparison's methods, or your own unfitted estimators by name, which are fitted as they are on
        the prepared columns (wrap one in a search to tune it); a name of a method with None takes that method. None
        takes all methods. The baseline "dummy" always takes part.
    metric : {"accuracy", "balanced_accuracy", "auc", "log_loss", "brier", "r2", "rmse", "mae"} or None
        What chooses and ranks; None is accuracy, or R².
    task : {"auto", "classification", "regression"}, default="auto"
    weight, group, time : str or None
        Columns of sample weights, of groups that stay together, of times (the latest rows are held out).
    test_size : float, default=0.25
        Share of rows that are held out; 1 or more is their number.
    repeat : int, default=1
        Number of splits, by the seeds `random_state`, `random_state` + 1, ...; scores are means over them.
    class_weight : {"balanced"} or None
        Whether all classes count alike in the fits.
    time_limit : float or None
        Seconds for all methods, shared equally; those stopped short are named. Without, results depend on the seed
        alone.
    random_state : int, default=0
    threads : int or None
        For each method; None leaves the choice to each library.
    on_step : callable or None
        Called with a method's name and the share of its work that is done.

    Returns
    -------
    dict
        What results.json holds, schema "widelearn-compare/2": "rows" (a dict a method: "cv_score", "score", "score_se",
        "over_dummy", ...), "chosen", "metric", "data", ... A method that fails has a text in "error".

    Raises
    ------
    ValueError
        One line: no such column, model or metric (the nearest are named), rows that cannot be split.

    Notes
    -----
    Differences are taken row by held-out row. Standard errors are those of the influences of rows (of groups) on a
    score; from five splits on they are Nadeau & Bengio's, sqrt((1 / K + n_test / n_train) S²).

    References
    ----------
    Nadeau & Bengio, "Inference for the generalization error", Machine Learning 52, 2003, section 3.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> from widelearn.experiments import compare
    >>> frame = pd.DataFrame({"a": range(40), "y": [(n - 20.0) ** 2 for n in range(40)]})
    >>> results = compare(frame, "y", models={"tree": DecisionTreeRegressor(random_state=0)})
    >>> [row["model"] for row in results["rows"]], results["chosen"]
    (['dummy', 'tree'], 'tree')
    """
    _check_numbers(repeat=repeat, random_state=random_state, threads=threads, time_limit=time_limit)
    table = Table(_named(frame), "frame")
    weight, group, time = (None if name is None else str(name) for name in (weight, group, time))
    request = Request(str(target), task, weight, group, time, test_size=test_size, seed=random_state)
    check(request, repeat)
    problem = build(table, request)
    metric_of(metric, problem.task)
    if class_weight not in {None, "balanced"}:
        raise InputError(f"class_weight is {class_weight!r}: take 'balanced' or None")
    methods = applicable(_methods(models), problem.task, models is not None)
    order = Order(random_state, threads, metric, class_weight, time_limit)
    return run(problem, methods, order, repeats=further(table, request, repeat), on_step=on_step).results


def _named(frame: Any) -> pd.DataFrame:
    """Return a frame with the names of its columns as texts, which are all different, and its rows numbered."""
    frame = frame.to_pandas() if hasattr(frame, "to_pandas") else frame
    if not hasattr(frame, "reset_index") or not hasattr(frame, "columns"):
        raise InputError(f"frame is a {type(frame).__name__}: give a pandas DataFrame")
    names = [str(name) for name in frame.columns]
    twice = [name for name, number in Counter(names).items() if number > 1]
    if twice:
        raise InputError(f"frame has {listing(map(repr, twice))} as the name of several columns: give each its own")
    found: pd.DataFrame = frame.reset_index(drop=True).set_axis(names, axis=1)
    return found


def _check_numbers(*, repeat: Any, random_state: Any, threads: Any, time_limit: Any) -> None:
    """Refuse numbers that cannot be, by name."""
    whole: dict[str, tuple[Any, int]] = {"repeat": (repeat, 1), "random_state": (random_state, 0)}
    whole |= {} if threads is None else {"threads": (threads, 1)}
    for name, (value, least) in whole.items():
        if isinstance(value, bool) or not isinstance(value, Integral) or not least <= int(value) < 2**32:
            raise InputError(f"{name} is {value!r}: take a whole number from {least} to {2**32 - 1}")
    if time_limit is not None and not (isinstance(time_limit, Real) and 0 < float(time_limit) < 1e9):
        raise InputError(f"time_limit is {time_limit!r}: take a number of seconds above 0, or None")


def _methods(models: Iterable[str] | Mapping[str, Any] | None) -> tuple[Method, ...]:
    """Return the methods that names or a mapping ask for."""
    if models is None:
        return choose(None)
    if isinstance(models, str):
        return choose(models)
    if not isinstance(models, Mapping):
        return choose(",".join(models))
    ours = [name for name, estimator in models.items() if estimator is None]
    mine = tuple(own(name, estimator) for name, estimator in models.items() if estimator is not None)
    if not models:
        raise InputError("models names no model: give one, or None for all")
    return (*(choose(",".join(ours)) if ours else ()), *mine)
