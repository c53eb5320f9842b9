"""How many threads the core's calls may use, as the user, the environment and threadpoolctl say."""

import operator
import os

import threadpoolctl

from widelearn import _core
from widelearn.runtime.messages import warn
from widelearn.runtime.report import __version__

MAX_THREADS = 1024


def set_num_threads(k: int) -> None:
    """Set how many threads every later call may use.

    This wins over the environment variables ``WIDELEARN_NUM_THREADS``, ``RAYON_NUM_THREADS`` and ``OMP_NUM_THREADS``,
    which are read in that order when it was not called. Results have the same bits for every number of threads of this
    pool. The threads of BLAS have a number of their own: up to 512 rows it does not change a bit either. Beyond,
    eigenvectors, other decompositions by LAPACK, conjugate gradients on a stored matrix, kernels that are functions of
    Python and products of stored features agree to rounding errors: one thread of BLAS would take up to twice as long.

    Parameters
    ----------
    k : int
        Number of threads, at least 1.

    Raises
    ------
    TypeError
        If `k` is not an integer.
    ValueError
        If `k` is smaller than 1 or larger than 1,024.

    Warns
    -----
    UserWarning
        At import, if ``WIDELEARN_NUM_THREADS`` is set to anything but a positive whole number, which is ignored.

    Examples
    --------
    >>> import widelearn as wl
    >>> before = wl.get_num_threads()
    >>> wl.set_num_threads(1)
    >>> wl.get_num_threads()
    1
    >>> wl.set_num_threads(before)
    """
    try:
        number = operator.index(k)
    except TypeError:
        raise TypeError(f"The number of threads must be an integer, such as 2, got {k!r}.") from None
    if isinstance(k, bool) or not 1 <= number <= MAX_THREADS:
        raise ValueError(f"The number of threads must be at least 1 and at most {MAX_THREADS}, got {k!r}.")
    _core.set_num_threads(number)


def get_num_threads() -> int:
    """Return how many threads a call may use.

    Returns
    -------
    int
        The width of the one pool that all calling threads share.

    Examples
    --------
    >>> import widelearn as wl
    >>> wl.get_num_threads() >= 1
    True
    """
    return _core.num_threads()[0]


def threads_source() -> str:
    """Return what the number of threads comes from: ``set_num_threads``, an environment variable, or the machine.

    Returns
    -------
    str
        The name, as :func:`widelearn.show_versions` prints it.

    Examples
    --------
    >>> import widelearn as wl
    >>> from widelearn.runtime import threads_source
    >>> wl.set_num_threads(wl.get_num_threads())
    >>> threads_source()
    'set_num_threads'
    """
    return _core.num_threads()[1]


class PoolController(threadpoolctl.LibController):
    """The core's thread pool, for ``threadpoolctl.threadpool_info`` and ``threadpool_limits``.

    Examples
    --------
    >>> import threadpoolctl
    >>> import widelearn as wl
    >>> with threadpoolctl.threadpool_limits(1, user_api="widelearn"):
    ...     wl.get_num_threads()
    1
    """

    user_api = "widelearn"
    internal_api = "widelearn"
    filename_prefixes = ("_core",)
    check_symbols = ("widelearn_get_num_threads", "widelearn_set_num_threads")

    # threadpoolctl builds a controller for every library named like ours before it looks for the symbols.
    def get_num_threads(self) -> int | None:
        """Return the width of the pool."""
        return _core.num_threads()[0] if self._get_symbol("widelearn_get_num_threads") else None

    def set_num_threads(self, num_threads: int) -> None:
        """Limit the width of the pool."""
        if self._get_symbol("widelearn_set_num_threads"):
            _core.set_num_threads(num_threads)

    def get_version(self) -> str | None:
        """Return the version of the package."""
        return __version__ if self._get_symbol("widelearn_get_version") else None


threadpoolctl.register(PoolController)


def check_environment() -> None:
    """Say that ``WIDELEARN_NUM_THREADS`` is ignored, where it is no number of threads."""
    text = os.environ.get("WIDELEARN_NUM_THREADS", "").strip()
    # As with OMP_NUM_THREADS, the first of several numbers counts.
    first = text.split(",")[0].strip()
    if text and not (first.isascii() and first.isdigit() and int(first) > 0):
        number, source = _core.num_threads()
        warn(
            f"WIDELEARN_NUM_THREADS={text!r} is not a positive whole number and is ignored: calls use {number}"
            f" threads (from: {source}). Set it to a number such as 2, or unset it."
        )


check_environment()
