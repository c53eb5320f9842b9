"""The memory budget: its limits, its refusals before anything is allocated, and that an abort is impossible."""

import subprocess
import sys

import numpy as np
import pytest

import widelearn as wl
from source import ROOT
from widelearn import runtime
from widelearn.kernels import NTK, RBF
from widelearn.ridge import Moments, solve
from widelearn.runtime import memory


@pytest.fixture
def budget(monkeypatch):
    return lambda text: monkeypatch.setenv("WIDELEARN_MAX_MEMORY", text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1000", 1000),
        ("3K", 3 << 10),
        ("2m", 2 << 20),
        (" 5 G ", 5 << 30),
        ("1.5G", 3 << 29),
        (".25k", 256),
        ("2T", 2 << 40),
        ("1.5 MiB", 3 << 19),
        ("7kb", 7 << 10),
        ("12B", 12),
        ("1" + "0" * 400, memory.NO_LIMIT),
        ("", memory.NO_LIMIT),
    ],
)
def test_user_limit(text, size, budget):
    budget(text)
    assert memory.user_limit() == size
    room, name = runtime.available_memory()
    assert 0 < room <= size
    if text in ("1000", "3K", "2m"):
        assert (room, name) == (size, "WIDELEARN_MAX_MEMORY")


@pytest.mark.parametrize("text", ["lots", "1.5.2G", "-1", "1e9", "G", "5X", "0x10", "\u0663G", "nan"])
def test_wrong_user_limit(text, budget):
    budget(text)
    with pytest.raises(ValueError, match=f"WIDELEARN_MAX_MEMORY='{text}'"):
        RBF()(np.eye(3))


def test_a_wrong_limit_is_one_line_of_the_report(script):
    report = script("import widelearn as wl; wl.show_versions()", env={"WIDELEARN_MAX_MEMORY": "lots"})
    assert "memory: WIDELEARN_MAX_MEMORY='lots' is no size: give bytes, or a number with K, M, G or T" in report


def test_a_system_without_address_limits(script):
    code = """
import sys
sys.modules["resource"] = None
from widelearn.runtime import available_memory, memory
assert memory.resource is None and memory.address_space_left() == memory.NO_LIMIT
print(available_memory()[1])
"""
    assert script(code).strip() in ("control group", "memory available")


def test_machine_and_address_space():
    assert 1 << 20 < memory.machine_left() < 1 << 50
    assert memory.address_space_left() > 0


def test_control_groups(tmp_path):
    def group(path, **files):
        (tmp_path / path).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (tmp_path / path / name.replace("__", ".")).write_text(text + "\n", encoding="utf-8")

    version2 = {"memory__current": "300", "memory__stat": "anon 1\ninactive_file 50\nfile 9"}
    group("a", memory__max="1000", **version2)
    group("a/b", memory__max="max", **version2)
    group("a/c", memory__max="400", **version2)
    left = memory.cgroup_left
    # The tightest of a group and those above it; file cache counts as free.
    assert left(tmp_path, "0::/a/b\n") == 1000 - 300 + 50
    assert left(tmp_path, "0::/a/c\n") == 400 - 300 + 50
    # It is not read where enough is left without it.
    assert [left(tmp_path, "0::/a/c\n", enough) for enough in (100, 101)] == [100, 150]
    assert left(tmp_path, "0::/elsewhere\n") == memory.NO_LIMIT
    assert left(tmp_path, "") == memory.NO_LIMIT
    stat = {"memory.usage_in_bytes": "700", "memory.stat": "cache 5\ntotal_inactive_file 100"}
    group("memory/x", **{"memory.limit_in_bytes": "1000", **stat})
    group("memory", **{"memory.limit_in_bytes": "9223372036854771712", **stat})
    assert left(tmp_path, "9:cpu:/x\n4:memory:/x/inner\n0::/\n") == 1000 - 700 + 100
    assert left(tmp_path, "4:memory:/../../escaped\n") == memory.NO_LIMIT


def test_the_message_has_the_numbers_and_the_way_out(budget):
    budget("4K")
    with pytest.raises(MemoryError) as refused:
        RBF()(np.ones((100, 3)))
    text = str(refused.value)
    assert "100 x 100 rows needs 78.1 KiB (80000 bytes)" in text
    assert "4 KiB (4096 bytes) are available (WIDELEARN_MAX_MEMORY)" in text
    assert "k.dot" in text
    assert "FeatureRidge" in text


X, Y = np.random.default_rng(0).standard_normal((300, 5)), np.ones(300)
FITTED = wl.RandomFeatures(200).fit(X)
REFUSED = {
    "gram": lambda: NTK()(X),
    "gram of two": lambda: NTK()(X, X[:200]),
    "function": lambda: wl.kernels.as_kernel(lambda X, Y: X @ Y.T)(X),
    "product": lambda: NTK().dot(X, None, np.ones((300, 50))),
    "transform": lambda: FITTED.transform(X),
    "moments": lambda: FITTED.moments(X, Y),
    "update": lambda: Moments(200).update(np.ones((9, 200)), np.ones(9)),
    "solve features": lambda: solve(np.ones((300, 200)), Y, 1.0),
    "solve wide features": lambda: solve(np.ones((200, 300)), Y[:200], 1.0),
    "solve kernel": lambda: solve(np.eye(300), Y, 1.0, kind="kernel"),
    "kernel ridge": lambda: wl.KernelRidge(solver="cholesky").fit(X, Y),
    "kernel ridge classifier": lambda: wl.KernelRidgeClassifier(solver="cholesky").fit(X, X[:, 0] > 0),
    "feature ridge": lambda: wl.FeatureRidge(wl.RandomFeatures(200)).fit(X, Y),
    "wide feature ridge": lambda: wl.FeatureRidge(wl.RandomFeatures(400)).fit(X, Y),
    "feature ridge in batches": lambda: wl.FeatureRidge(wl.RandomFeatures(200)).partial_fit(X, Y),
}


@pytest.mark.parametrize("job", REFUSED)
def test_every_large_thing_is_refused(job, budget):
    budget("90K")
    with pytest.raises(MemoryError, match=r"needs .* \(\d+ bytes\), but 90 KiB .*\. [A-Z].*\."):
        REFUSED[job]()


def test_streams_fit_where_matrices_do_not(budget):
    big = np.random.default_rng(0).standard_normal((20_000, 5))
    model = wl.FeatureRidge(wl.RandomFeatures(50, random_state=0)).fit(big, big[:, 0])
    dual = wl.KernelRidge().fit(X, Y)
    budget("200K")
    streamed = wl.FeatureRidge(wl.RandomFeatures(50, random_state=0)).fit(big, big[:, 0])
    np.testing.assert_array_equal(streamed.coef_, model.coef_)
    assert model.predict(big).shape == dual.predict(big).shape == (20_000,)


def test_a_kernel_matrix_larger_than_any_memory():
    many = np.zeros((2_000_000, 1), np.float32)
    for call in (RBF(), lambda X: wl.KernelRidge(RBF(), solver="cholesky").fit(X, X[:, 0])):
        with pytest.raises(MemoryError, match=r"needs 14.6 TiB \(16000000000000 bytes\)"):
            call(many)


ABORTS = """
import resource
import numpy as np, widelearn as wl
from widelearn.kernels import NTK, RBF
from widelearn.ridge import Moments, solve

X = np.random.default_rng(0).standard_normal((4000, 20))
RBF()(X[:200])
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (96 << 20), resource.RLIM_INFINITY))
CALL = {
    "gram": lambda: NTK()(X),
    "kernel ridge": lambda: wl.KernelRidge(solver="cholesky").fit(X, X[:, 0]),
    "feature ridge": lambda: wl.FeatureRidge(wl.RandomFeatures(3900)).fit(X, X[:, 0]),
    "wide": lambda: wl.FeatureRidge(wl.RandomFeatures(5000)).fit(X, X[:, 0]),
    "transform": lambda: wl.RandomFeatures(10_000).fit(X).transform(X),
    "weights": lambda: wl.RandomFeatures(10_000_000).fit(X).transform(X[:1]),
    "directions": lambda: wl.FourierFeatures(n_components=10_000_000).fit(X).directions(),
}
try:
    CALL[JOB]()
except MemoryError as refused:
    print("refused", refused)
else:
    print("done")
# Small things still work.
assert np.isfinite(NTK()(X[:50])).all()
"""


@pytest.mark.parametrize("job", ["gram", "kernel ridge", "feature ridge", "wide", "transform", "weights", "directions"])
def test_no_abort_in_a_small_address_space(job, script):
    assert script(f"JOB = {job!r}\n" + ABORTS).startswith("refused")


def test_what_calls_hold_stays_below_the_limit():
    """Whoever allocates it: NumPy, the core's buffers, weights that are drawn for one call."""
    names = (
        "kernel",
        "RandomFeatures.dot",
        "hadamard",
        "sphere",
        "Moments",
        "KernelRidge.predict",
        "TaylorRegressor.predict",
    )
    command = [sys.executable, "-m", "fuzz.memory", "--limit", "64", "--seconds", "0.3", *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["ok"] * len(names)
