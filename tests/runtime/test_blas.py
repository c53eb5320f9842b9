"""BLAS kept to one thread by many calls at once: the settings come back, whatever happens meanwhile."""

import gc
import threading

import pytest
import threadpoolctl
from joblib import Parallel, delayed

from fuzz.threads import rounds
from widelearn.runtime import one_blas_thread
from widelearn.runtime.blas import SETTINGS, libraries, set_threads


def settings():
    return [library.get_num_threads() for library in libraries()]


@pytest.fixture
def three():
    with threadpoolctl.threadpool_limits(3, user_api="blas"):
        assert set(settings()) == {3}
        yield
        assert set(settings()) == {3}


def test_one_thread_inside_and_the_old_number_after(three):
    with one_blas_thread():
        assert set(settings()) == {1}
        with one_blas_thread():
            assert set(settings()) == {1}
        assert set(settings()) == {1}
    assert set(settings()) == {3}


def test_any_order_of_ends(three, rng):
    for _ in range(50):
        holds = [one_blas_thread() for _ in range(5)]
        for hold in holds:
            hold.__enter__()
        for left, at in zip(range(4, -1, -1), rng.permutation(5), strict=True):
            holds[at].__exit__(None, None, None)
            assert set(settings()) == ({1} if left else {3})


def test_errors_and_interrupts_end_it_too(three):
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), one_blas_thread():
            raise error
        assert set(settings()) == {3}
    # An interrupt just before the block: nobody ends the hold, which is then collected.
    hold = one_blas_thread()
    hold.__enter__()
    assert set(settings()) == {1}
    del hold
    gc.collect()
    assert set(settings()) == {3}
    assert not SETTINGS.inside


def test_what_the_user_sets_meanwhile_stays(three):
    with one_blas_thread():
        for library in libraries():
            set_threads(library, 2)
    assert set(settings()) == {2}
    for library in libraries():
        set_threads(library, 3)


def test_many_threads_at_once(three, rng):
    pauses = rng.uniform(0, 2e-3, (8, 25, 2))
    gate = threading.Barrier(8)

    def work(at):
        gate.wait()
        for before, inside in pauses[at]:
            threading.Event().wait(before)
            with one_blas_thread():
                threading.Event().wait(inside)
                assert set(settings()) == {1}

    Parallel(n_jobs=8, backend="threading")(delayed(work)(at) for at in range(8))
    assert set(settings()) == {3}


def test_a_forked_child_is_not_held_by_threads_it_does_not_have(script):
    code = """
import os, threading, warnings
import threadpoolctl
from widelearn.runtime import one_blas_thread
from widelearn.runtime.blas import libraries, set_threads

warnings.filterwarnings("ignore", category=DeprecationWarning)
inside, done = threading.Event(), threading.Event()

def hold():
    with one_blas_thread():
        inside.set()
        done.wait(30)

for library in libraries():
    set_threads(library, 2)
thread = threading.Thread(target=hold)
thread.start()
inside.wait(30)
child = os.fork()
if child == 0:
    os._exit(0 if all(library.get_num_threads() == 2 for library in libraries()) else 3)
assert os.waitpid(child, 0)[1] == 0
with one_blas_thread():
    child = os.fork()
    if child == 0:
        os._exit(0 if all(library.get_num_threads() == 1 for library in libraries()) else 3)
    assert os.waitpid(child, 0)[1] == 0
done.set()
thread.join()
assert all(library.get_num_threads() == 2 for library in libraries())
"""
    script(code)


@pytest.mark.filterwarnings("ignore")
def test_fits_of_many_threads_leave_the_settings_and_have_the_bits_of_one():
    """A few rounds; many more by ``python -m fuzz.threads``."""
    assert rounds(6, seed=0) == []
