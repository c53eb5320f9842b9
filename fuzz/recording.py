"""Valid calls to start from: what the examples of all docstrings call, recorded with their arguments.

``python -m fuzz.recording FILE`` runs every docstring of the package, and a few lines for what no docstring shows, with
recorders around the core's functions, the public functions and the methods of the public classes. Calls are the same
every time, but for what is in memory that they write to.
"""

from __future__ import annotations

import contextlib
import doctest
import functools
import importlib
import inspect
import io
import operator
import pickle
import pkgutil
import sys
import types
import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import widelearn as wl
from widelearn import _core

# Rooms whose calls are processes, files and figures have tests of their own.
LEFT_OUT = {"experiments", "plots", "__main__", "distributed", "studies", "persistence"}
SPECIAL = {"__call__"}
SAMPLES, LARGEST = 10, 400_000
MORE = """
import functools, numpy as np, scipy.sparse as sp, widelearn as wl
from widelearn import kernels as k
rng = np.random.default_rng(0)
X = rng.normal(size=(12, 3)); y = X[:, 0] + 1; Y = np.c_[y, -y]; c = (y > 1).astype(int); w = rng.uniform(size=12)
for T in (np.float64, np.float32):
    x = X.astype(T)
    for f in (
        wl.RandomFeatures(4), wl.RandomFeatures(4, weights="hadamard"), wl.TangentFeatures(4), wl.NTKFeatures(8),
        wl.FourierFeatures(n_components=4), wl.NystromFeatures(k.RBF(), 4),
        wl.NeuralRepresentation(4),
    ):
        Z = f.fit(x).transform(x)
        wl.FeatureRidge(f, 0.1).fit(x, y, w).predict(x)
        wl.FeatureRidge(f, 0.1).partial_fit(x, Y).predict(x)
    wl.RandomFeatures(4).fit(sp.csr_matrix(x)).transform(sp.csr_matrix(x))
    ours = k.NTK(), k.NNGP(), k.RBF(), k.Laplace(), k.Matern(nu=1.5), k.Linear(), k.ArcCosine(1)
    for one in (*ours, k.RBF() + 2 * k.Linear()):
        one(x), one(x, x[:4]), one.diag(x), one.dot(x, x[:4], np.ones((4, 2), T))
        wl.KernelRidge(one, 0.1).fit(x, y, w).predict(x)
    wl.KernelRidge("rbf", 0.1, solver="pcg").fit(x, Y).predict(x)
    wl.KernelRidge("rbf", 0.1, solver="nystrom", n_components=4).fit(x, Y).predict(x)
    for E in (wl.FeatureRidgeCV, wl.KernelRidgeCV):
        E(alphas=[0.1, 1.0]).fit(x, y).predict(x)
        E(alphas=[0.1, 1.0], cv=2).fit(x, y).predict(x)
    wl.FeatureRidgeCV(wl.RandomFeatures(4), [0.1, 1.0], cv="gcv").partial_fit(x, y).predict(x)
    for E in (wl.FeatureRidgeClassifier, wl.KernelRidgeClassifier):
        E().fit(x, c).predict(x)
    for E in (wl.FeatureRidgeClassifierCV, wl.KernelRidgeClassifierCV):
        E().fit(x, c).predict(x)
    wl.TwoLayerRegressor(4, max_iter=2).fit(x, y).predict(x)
    wl.TwoLayerRegressor(4, algorithm="one_step").fit(x, y).predict(x)
    wl.TwoLayerClassifier(4, max_iter=2).fit(x, c).predict(x)
    wl.TaylorRegressor(4, max_iter=2).fit(x, y).predict(x)
    wl.TaylorClassifier(4, max_iter=2).fit(x, c).predict(x)
    wl.RecursiveFeatureMachine(n_iter=1).fit(x, y).predict(x)
    A = x @ x.T + np.eye(12, dtype=T)
    for call in (wl.ridge.solve, wl.ridge.path, wl.ridge.loo, wl.ridge.gcv):
        call(x, y, [0.1], sample_weight=w) if call is not wl.ridge.solve else call(x, y, 0.1, sample_weight=w)
        call(A, Y, [0.1] if call is not wl.ridge.solve else 0.1, kind="kernel")
    wl.ridge.pcg(k.RBF().operator(x), y, 0.1)
    wl.ridge.Moments(3, 2).update(x, Y).merge(wl.ridge.Moments(3, 2).update(x, Y, w)).solve(0.1, True)
    wl._core.cholesky(np.eye(3, dtype=T) + T(0.1))
    net = wl.nets.TwoLayer(x[:4], np.ones(4, T), np.ones((4, 2), T), "relu")
    net.tangent_product(x, np.ones((4, 3), T)), net.tangent_transpose(x, np.ones((12, 2), T))
    moved, law = wl.nets.Expansion(x[:4], np.ones((4, 2), T), "softplus", (3,)), wl.nets.Multipliers(3)
    law.coupling_bounds(1.0, 4, 2.0, slope=1.0, bend=0.2), moved.marginal_moments(x, x[4:8], multipliers=law)
    moved.drawn_outputs(x, x[4:8], law.draw(4, np.random.RandomState(0)).astype(T), law)
    wl.RandomFeatures(4).fit(x).directions()
    wl.TaylorRegressor(2, "gelu", width=4, mode="signs", max_iter=2).fit(x, y).partial_fit(x, y).predict(x)
    wl.datasets.multi_index(5, 3)
    wl.linearize(functools.partial(np.sum, axis=1), np.tanh).fit(x, y).predict(x)
    wl.TaylorizedRidge(order=2, max_iter=2).fit(x, y).predict(x)
    k.Empirical(np.tanh)(x)
target = wl.diagnostics.PolynomialTarget([1.0], [[1.0, 0.0, 0.0]], [2])
wl.diagnostics.explicit_solution(wl.nets.Expansion(X[:4], np.ones((4, 1)), "relu3", (2,)), target)
path = wl.diagnostics.Snapshots(np.ones((2, 3)), [Y.T, Y.T], [np.array([X, X + 1.0])] * 2)
wl.diagnostics.laziness_sweep([(1.0, path), (2.0, path)], X, None, y)
wl.theory.multi_index_flow(functools.partial(np.prod, axis=-1), np.zeros((5, 2)), np.ones(5), [0.0, 1.0])
wl.runtime.check_memory(1000, "A row", "Take fewer.")
from widelearn.ridge import lapack
G = X.T @ X; lapack.ldlt_solve(G.copy(), np.ones((3, 1))); lapack.svd(X.copy())
lapack.triangle(X.copy()); lapack.qr(X.copy())
neurons = k.specs.Neurons(k.specs.Activation("relu"))
layer = k.specs.Features(4, "gaussian", 0, neurons)
wl._core.predict(layer, np.ones((3, 2)), np.ones((4, 1)), np.empty((3, 1)))
wl._core.mixed_solve(np.eye(3) + 0.1, np.ones((3, 1)), np.ones(3))
wl._core.shifted_inverses(np.eye(3) + 0.1, np.ones(2), np.ones((3, 1)), np.empty((6, 1)), np.empty((2, 3)))
for T in (np.float64, np.float32):
    rows = wl.runtime.sparse_arrays(sp.csr_array(X.astype(T)))
    wl._core.sparse_product(rows, np.ones((3, 2)), np.empty((12, 2)))
    wl._core.sparse_transposed(rows, 3, np.ones((12, 2)), np.empty((3, 2)))
    for spec in (k.specs.Linear(), k.specs.Rbf(1.0)):
        wl._core.sparse_gram(spec, rows, None, 3, np.empty((12, 12), T))
        wl._core.sparse_gram(spec, rows, rows, 3, np.empty((12, 12), T))
        wl._core.sparse_diag(spec, rows, 3, np.empty(12, T))
    k.RBF()(sp.csr_matrix(X.astype(T))), k.NTK().dot(sp.csr_matrix(X.astype(T)), None, np.ones(12, T))
    wl.KernelRidge("rbf", 0.1).fit(sp.csr_matrix(X), y).predict(sp.csr_matrix(X))
wl._core.normals(np.empty((2, 3)), 1, 2); wl._core.philox4x32((1, 2, 3, 4), (5, 6))
wl._core.set_num_threads(2); wl._core.num_threads(); wl._core.simd(); wl._core.simd_available()
"""


class Pickler(pickle.Pickler):
    """Pickles arguments; a function without a name of its own becomes another."""

    def reducer_override(self, value: Any) -> Any:
        """Replace functions that no module holds."""
        if inspect.isfunction(value) and "<" in value.__qualname__:
            return operator.attrgetter("tanh"), (np,)
        return NotImplemented


def pickled(value: Any) -> bytes | None:
    """Return a value in pickled form, or None if it has none."""
    out = io.BytesIO()
    try:
        Pickler(out).dump(value)
    except (pickle.PicklingError, AttributeError, TypeError):
        return None
    return out.getvalue()


class Sample(NamedTuple):
    """A valid call: module and name of what is called, and its arguments in pickled form."""

    target: str
    arguments: bytes


class Recorder:
    """Calls by target, a few of each that differ in the types and shapes of their arguments."""

    def __init__(self) -> None:
        self.samples: dict[str, dict[str, Sample]] = defaultdict(dict)

    def record(self, target: str, call: Callable[[], Any], arguments: tuple[Any, ...]) -> Any:
        """Make a call and keep it."""
        key = " ".join(map(kind, (*arguments[0], *arguments[1].items())))
        known = self.samples[target]
        if key in known or len(known) >= SAMPLES:
            return call()
        kept = pickled(arguments)
        found = call()
        if kept is not None and len(kept) <= LARGEST:
            known[key] = Sample(target, kept)
        return found

    def function(self, target: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that is recorded."""

        @functools.wraps(function)
        def recorded(*args: Any, **kwargs: Any) -> Any:
            return self.record(target, lambda: function(*args, **kwargs), (args, kwargs))

        return recorded

    def method(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method that is recorded under the class of its object; a constructor without the object."""

        @functools.wraps(function)
        def recorded(self_: Any, *args: Any, **kwargs: Any) -> Any:
            target = f"{type(self_).__module__}:{type(self_).__qualname__}"
            if name != "__init__":
                target, args = f"{target}.{name}", (self_, *args)
                return self.record(target, lambda: function(*args, **kwargs), (args, kwargs))
            return self.record(target, lambda: function(self_, *args, **kwargs), (args, kwargs))

        return recorded


def kind(value: Any) -> str:
    """Return what tells one sort of argument from another."""
    shape = getattr(value, "shape", None)
    return f"{type(value).__name__}{getattr(value, 'dtype', '')}{None if shape is None else len(shape)}"


def modules() -> list[types.ModuleType]:
    """Return the package's modules but those left out."""
    names = (found.name for found in pkgutil.walk_packages(wl.__path__, "widelearn."))
    return [
        importlib.import_module(name) for name in names if not LEFT_OUT & set(name.split(".")) and "_core" not in name
    ]


def public() -> dict[str, Any]:
    """Return the classes and functions of the rooms by name, and the core's."""
    rooms = [wl, *(value for value in vars(wl).values() if isinstance(value, types.ModuleType))]
    found = {
        f"{room.__name__}:{name}": value
        for room in rooms
        for name in getattr(room, "__all__", ())
        if callable(value := getattr(room, name))
        and not LEFT_OUT & {*room.__name__.split("."), *getattr(value, "__module__", "").split(".")}
    }
    return found | {f"widelearn._core:{name}": value for name, value in core_functions().items()}


def core_functions() -> dict[str, Any]:
    """Return the functions of the compiled core."""
    return {name: value for name, value in vars(_core).items() if inspect.isbuiltin(value)}


def methods(cls: type) -> dict[str, tuple[type, Any]]:
    """Return a class's public methods, its call and its constructor, with the classes of ours that define them."""
    found: dict[str, tuple[type, Any]] = {}
    for base in reversed([base for base in cls.__mro__ if base.__module__.startswith("widelearn")]):
        for name, value in vars(base).items():
            if inspect.isfunction(value) and (not name.startswith("_") or name in SPECIAL or name == "__init__"):
                found[name] = base, value
    return found


def is_method(target: str) -> bool:
    """Whether a target's first argument is its object."""
    return "." in target.split(":")[1]


def resolved(target: str) -> Any:
    """Return what a target names."""
    module, name = target.split(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def parameters(function: Any) -> list[str]:
    """Return the names of a function's parameters."""
    try:
        found = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return []
    return [one.name for one in found if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)]


def wrap(recorder: Recorder) -> None:
    """Put recorders around everything public."""
    done: set[tuple[type, str]] = set()
    for target, value in public().items():
        module, name = target.split(":")
        if inspect.isclass(value):
            for method, (owner, function) in methods(value).items():
                if (owner, method) not in done:
                    done.add((owner, method))
                    setattr(owner, method, recorder.method(method, function))
        else:
            setattr(sys.modules[module], name, recorder.function(target, value))


def record() -> list[Sample]:
    """Return the calls of all examples."""
    every, recorder = modules(), Recorder()
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
    tests = [test for module in every for test in finder.find(module) if test.examples]
    wrap(recorder)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        # For what has no seed of its own.
        np.random.seed(0)  # noqa: NPY002 - random_state=None draws from it
        for test in tests:
            runner.run(test, out=lambda text: None)
        exec(compile(MORE, "<more calls>", "exec"), {})
    return [sample for known in recorder.samples.values() for sample in known.values()]


def main(file: str) -> None:
    """Write the recorded calls."""
    Path(file).write_bytes(pickle.dumps(record()))


if __name__ == "__main__":
    # Pickles name the module, not __main__.
    importlib.import_module("fuzz.recording").main(sys.argv[1])
