"""Errors that the core raises, and warnings in the user's line."""

import functools
import sys
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from widelearn import _core

P = ParamSpec("P")
R = TypeVar("R")

NoDerivativeError, NumberOverflowError = _core.NoDerivativeError, _core.NumberOverflowError
# Packages whose frames stand between a warning and the user's line.
CALLING = {"widelearn", "sklearn", "joblib", "dask", "distributed"}


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn of something in the user's line: the first frame outside this package and the libraries that call it.

    Parameters
    ----------
    message : str
        What happened, with its numbers and the remedy.
    category : type of Warning, default=UserWarning
        What filters tell it by.

    Examples
    --------
    >>> import warnings
    >>> from widelearn.runtime import warn
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     warn("40 rows are few. Take more.")
    >>> str(caught[0].message)
    '40 rows are few. Take more.'
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in CALLING:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def in_range(function: Callable[P, R]) -> Callable[P, R]:
    """Make a public function refuse a number that its type cannot hold by a ValueError."""

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except OverflowError as error:
            name = function.__name__
            if name != function.__qualname__:
                owner = args[0] if isinstance(args[0], type) else type(args[0])
                name = owner.__name__ + ("" if name == "__init__" else f".{name}")
            raise ValueError(
                f"{name}() got a number beyond what is computed with ({error}). Take it smaller."
            ) from error

    return called
