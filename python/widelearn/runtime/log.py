"""Lines of progress: to the standard logger "widelearn", and where `verbose` says so to the standard output."""

import logging
from collections.abc import Callable
from typing import Any

# Silent until a user gives it a level and a handler.
LOGGER = logging.getLogger("widelearn")
LOGGER.addHandler(logging.NullHandler())


def heard(verbose: Any) -> bool:
    """Whether anybody reads lines of progress."""
    return bool(verbose) or LOGGER.isEnabledFor(logging.INFO)


def say(line: str, verbose: Any) -> None:
    """Log a line at level INFO, and print it where that was asked for."""
    LOGGER.info(line)
    if verbose:
        print(line, flush=True)


def watched(estimator: Any, line: Callable[[Any], str]) -> Callable[[int, Any], object] | None:
    """Return what is called after every iteration of a fit: the estimator's callback, after a line where one is read.

    Where nobody reads lines and scikit-learn has no callbacks of its own to tell, that is the callback itself. `line`
    writes what the callback sees.
    """
    callback: Callable[[int, Any], object] | None = estimator.callback
    verbose, name = estimator.verbose, type(estimator).__name__
    # What scikit-learn's callbacks know of a fit that runs.
    task = vars(estimator).get("_callback_fit_ctx")
    if task is None and not heard(verbose):
        return callback

    def told(iteration: int, seen: Any) -> object:
        if heard(verbose):
            say(f"[{name}] iteration {iteration}, {line(seen)}", verbose)
        stops = False
        if task is not None:
            step = task.subcontext(task_name="iteration")
            step.call_on_fit_task_begin(estimator=estimator)
            stops = step.call_on_fit_task_end(estimator=estimator)
        return (None if callback is None else callback(iteration, seen)) or stops

    return told
