"""One wrong argument at a time: every place of every recorded call meets every value that may be wrong there."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fuzz.hostile import Build
from fuzz.recording import Sample, is_method, parameters, resolved

# What stands for a seed.
SWEEP = "sweep"
# Made anew for every call, which may change them.
WRONG: tuple[Callable[[], Any], ...] = (
    lambda: None,
    lambda: True,
    lambda: "abc",
    lambda: b"x",
    list,
    lambda: (),
    dict,
    object,
    lambda: iter(()),
    lambda: np.tanh,
    lambda: [[1.0], [1.0, 2.0]],
    lambda: -1,
    lambda: 0,
    lambda: 2**62,
    lambda: 2**64,
    lambda: -(10**30),
    lambda: 10**400,
    lambda: 0.5,
    lambda: 1e16,
    lambda: 1e308,
    lambda: 1e-320,
    lambda: np.nan,
    lambda: np.inf,
    lambda: -np.inf,
    lambda: 1 + 2j,
    lambda: np.array([None, 1], dtype=object),
    lambda: np.array(["a"]),
    lambda: np.empty(0),
    lambda: np.empty((0, 3)),
    lambda: np.ones((2, 2, 2)),
    lambda: np.ones((5, 7)),
    lambda: -np.ones(4),
    lambda: np.full((4, 3), np.inf),
    lambda: np.full((4, 3), 1e200),
    lambda: np.full((4, 3), 1e-200, np.float32),
    lambda: np.ones((4, 3), np.int8),
)


class Sweep:
    """The calls of a sweep by number: for each target one recorded call, whose places are taken one after the other."""

    def __init__(self, samples: list[Sample]) -> None:
        first = {sample.target: sample for sample in reversed(samples)}
        self.places = [(first[target], place) for target in sorted(first) for place in places(first[target])]

    def __len__(self) -> int:
        return len(self.places) * len(WRONG)

    def draw(self, number: int) -> tuple[str, list[Any], dict[str, Any]]:
        """Return a target and its arguments, one of them wrong."""
        (sample, place), wrong = self.places[number // len(WRONG)], WRONG[number % len(WRONG)]()
        given, named = pickle.loads(sample.arguments)
        args, kwargs = list(given), dict(named)
        if isinstance(place, tuple):
            args[0] = spoiled(args[0], place[0], wrong)
        elif isinstance(place, int):
            args[place] = wrong
        else:
            kwargs[place] = wrong
        return sample.target, args, kwargs


def places(sample: Sample) -> Iterator[Any]:
    """Yield where a call's arguments are: positions, names, those left out too, and parameters of a method's object."""
    given, named = pickle.loads(sample.arguments)
    method = is_method(sample.target)
    yield from range(int(method), len(given))
    yield from named
    yield from (name for name in parameters(resolved(sample.target))[len(given) :] if name not in named)
    if method and hasattr(given[0], "get_params"):
        yield from ((name,) for name in given[0].get_params(deep=False))


def spoiled(owner: Any, name: str, wrong: Any) -> Any:
    """Return an object with a wrong parameter: set later, as users may, or where that cannot be from the beginning."""
    if hasattr(owner, "_parameter_constraints"):
        setattr(owner, name, wrong)
        return owner
    return Build(type(owner), {**owner.get_params(deep=False), name: wrong})
