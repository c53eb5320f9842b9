"""How many threads calls may use: the pool of the core, and BLAS beside it."""

from contextlib import AbstractContextManager
from functools import cache

import threadpoolctl

from widelearn import _core
from widelearn.runtime.report import __version__


def set_num_threads(k: int) -> None:
    """Set how many threads every later call may use.

    This wins over the environment variables ``WIDELEARN_NUM_THREADS``, ``RAYON_NUM_THREADS`` and ``OMP_NUM_THREADS``,
    which are read in that order when it was not called. Results have the same bits for every number of threads.

    Parameters
    ----------
    k : int
        Number of threads, at least 1.

    Raises
    ------
    ValueError
        If `k` is smaller than 1.

    Examples
    --------
    >>> import widelearn as wl
    >>> before = wl.get_num_threads()
    >>> wl.set_num_threads(1)
    >>> wl.get_num_threads()
    1
    >>> wl.set_num_threads(before)
    """
    if isinstance(k, bool) or k < 1:
        raise ValueError(f"The number of threads must be at least 1, got {k!r}.")
    _core.set_num_threads(k)


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


def one_blas_thread() -> AbstractContextManager[object]:
    """Keep BLAS to one thread: its threads wait for one another longer than small products take."""
    return blas_controller().limit(limits=1, user_api="blas")


@cache
def blas_controller() -> threadpoolctl.ThreadpoolController:
    """Return the controller of the libraries that are loaded, looked up once."""
    return threadpoolctl.ThreadpoolController()


def threads_source() -> str:
    """Return what the number of threads comes from: ``set_num_threads``, an environment variable, or the machine.

    Returns
    -------
    str
        The name, as :func:`show_versions` prints it.

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
