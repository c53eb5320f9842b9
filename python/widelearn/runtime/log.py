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

    Where nobody reads lines that is the callback itself. `line` writes what the callback sees.
    """
    callback: Callable[[int, Any], object] | None = estimator.callback
    verbose, name = estimator.verbose, type(estimator).__name__
    if not heard(verbose):
        return callback

    def told(iteration: int, seen: Any) -> object:
        say(f"[{name}] iteration {iteration}, {line(seen)}", verbose)
        return None if callback is None else callback(iteration, seen)

    return told
