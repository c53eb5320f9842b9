"""Errors that the core raises, and warnings in the user's line."""

import sys
import warnings

from widelearn import _core

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
