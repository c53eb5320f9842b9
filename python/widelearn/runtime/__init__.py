"""Threads, forked processes, the memory budget and versions: what the package asks of the machine."""

from widelearn.runtime.arrays import Array as Array
from widelearn.runtime.arrays import core_blocks as core_blocks
from widelearn.runtime.arrays import crossing as crossing
from widelearn.runtime.arrays import doubles as doubles
from widelearn.runtime.arrays import empty as empty
from widelearn.runtime.arrays import ordered as ordered
from widelearn.runtime.arrays import row_blocks as row_blocks
from widelearn.runtime.arrays import sparse_arrays as sparse_arrays
from widelearn.runtime.blas import in_few_rows_one_thread as in_few_rows_one_thread
from widelearn.runtime.blas import one_blas_thread as one_blas_thread
from widelearn.runtime.blas import one_blas_thread_for as one_blas_thread_for
from widelearn.runtime.blas import row_count as row_count
from widelearn.runtime.log import heard as heard
from widelearn.runtime.log import say as say
from widelearn.runtime.log import watched as watched
from widelearn.runtime.memory import available_memory, check_memory
from widelearn.runtime.memory import capped as capped
from widelearn.runtime.memory import has_room as has_room
from widelearn.runtime.messages import NoDerivativeError, NumberOverflowError, warn
from widelearn.runtime.messages import in_range as in_range
from widelearn.runtime.report import __version__, show_versions
from widelearn.runtime.threads import get_num_threads, set_num_threads, threads_source

__all__ = [
    "NoDerivativeError",
    "NumberOverflowError",
    "__version__",
    "available_memory",
    "check_memory",
    "get_num_threads",
    "set_num_threads",
    "show_versions",
    "threads_source",
    "warn",
]
