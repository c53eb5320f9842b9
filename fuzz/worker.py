"""A process that makes hostile calls one after another and tells what came of each.

``python -m fuzz.worker CALLS SEED START STOP STEP`` writes a line before each call, "> number target", and one after
it, "= number outcome seconds"; whoever reads them knows which call ended the process, or hangs. The seed "sweep" stands
for the calls of :mod:`fuzz.sweep`.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import widelearn as wl
from fuzz.hostile import TEXT, built, changed, pick
from fuzz.recording import Sample, is_method, parameters, resolved
from fuzz.sweep import SWEEP, Sweep

ADDRESS_SPACE = 3 << 30
# Endings of targets that are called so many times as seldom, for they take long. Measured times would make other calls
# on another machine.
SELDOM = {
    "TwoLayerClassifier.fit": 60.0,
    "RecursiveFeatureMachineClassifier.fit": 30.0,
    ":RecursiveFeatureMachine.fit": 10.0,
    "TwoLayerRegressor.fit": 10.0,
    "NTKFeatures.transform": 10.0,
    ".fit": 3.0,
    ":kernel_spectrum": 3.0,
    ":optimal_ridge": 3.0,
    ":empirical_risk": 3.0,
    ":correlation_flow": 3.0,
    ":pcg": 3.0,
}
HONEST = (ValueError, TypeError, MemoryError)
GIVEN_MORE = 0.25


class Draws:
    """Hostile calls of a seed, each of a seed of its own: a target first, then one of its recorded calls, changed."""

    def __init__(self, samples: list[Sample], seed: int) -> None:
        self.seed = seed
        self.samples: dict[str, list[Sample]] = {}
        for sample in samples:
            self.samples.setdefault(sample.target, []).append(sample)
        self.targets = sorted(self.samples)
        shares = np.array([share(name) for name in self.targets])
        self.shares = shares / shares.sum()

    def draw(self, number: int) -> tuple[str, list[Any], dict[str, Any]]:
        """Return a target and hostile arguments for it."""
        rng = np.random.default_rng([self.seed, number])
        target = self.targets[int(rng.choice(len(self.targets), p=self.shares))]
        given, named = pickle.loads(pick(rng, self.samples[target]).arguments)
        args, kwargs = list(given), dict(named)
        for _ in range(int(rng.choice([0, 1, 1, 2, 3]))):
            # What cannot be changed in one way stays as it is.
            with contextlib.suppress(Exception):
                spoil(rng, target, args, kwargs)
        return target, args, kwargs


def share(target: str) -> float:
    """Return how often a target is called, beside one that takes no time."""
    return min((1 / factor for ending, factor in SELDOM.items() if target.endswith(ending)), default=1.0)


def calls_of(file: Path, seed: str) -> Draws | Sweep:
    """Return the calls that a file of recorded ones leads to."""
    samples = pickle.loads(file.read_bytes())
    return Sweep(samples) if seed == SWEEP else Draws(samples, int(seed))


def spoil(rng: np.random.Generator, target: str, args: list[Any], kwargs: dict[str, Any]) -> None:
    """Change one argument, a parameter of the object, or give one more."""
    places: list[Any] = [*range(len(args)), *kwargs]
    if rng.random() < GIVEN_MORE:
        more = [name for name in parameters(resolved(target)) if name not in kwargs][len(args) :]
        if more:
            kwargs[pick(rng, more)] = changed(rng, None)
            return
    if not places:
        return
    at = pick(rng, places)
    if at == 0 and is_method(target):
        spoil_object(rng, args[0])
    elif isinstance(at, str):
        kwargs[at] = changed(rng, kwargs[at])
    else:
        args[at] = changed(rng, args[at])


def spoil_object(rng: np.random.Generator, owner: Any) -> None:
    """Change a parameter of an estimator, as its user may at any time."""
    if hasattr(owner, "_parameter_constraints") and (given := owner.get_params(deep=False)):
        name = pick(rng, tuple(given))
        options = [
            option for rule in owner._parameter_constraints.get(name, ()) for option in getattr(rule, "options", ())
        ]
        setattr(
            owner,
            name,
            pick(rng, sorted(options, key=str)) if options and rng.random() < 0.5 else changed(rng, given[name]),
        )


def outcome(target: str, args: list[Any], kwargs: dict[str, Any]) -> str:
    """Make a call and return "ok", "refused", or what is wrong with it."""
    try:
        args, kwargs = list(map(built, args)), {name: built(value) for name, value in kwargs.items()}
        resolved(target)(*args, **kwargs)
    except HONEST:
        return "refused"
    except BaseException as error:  # noqa: BLE001 - whatever else it is, it is a fault
        texts = [value for value in (*args, *kwargs.values()) if isinstance(value, str)]
        if isinstance(error, OSError) and any(text in TEXT for text in texts):
            return "refused"
        # The folders that examples make are gone.
        if isinstance(error, FileNotFoundError) and any(text in str(error) for text in texts):
            return "refused"
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        line = f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place else ""
        return f"{type(error).__name__} at {line}: {str(error)[:200]}".replace("\n", " ")
    return "ok"


def show(calls: Draws | Sweep, number: int) -> None:
    """Print a call with its arguments, and make it with its traceback."""
    target, args, kwargs = calls.draw(number)
    print(target, *args, *kwargs.items(), sep="\n    ")
    print(resolved(target)(*map(built, args), **{name: built(value) for name, value in kwargs.items()}))


def main(file: str, seed: str, start: int, stop: int, step: int) -> None:
    """Make the calls of some numbers."""
    calls = calls_of(Path(file), seed)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    tell = os.fdopen(os.dup(1), "w")
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    with contextlib.redirect_stdout(sys.__stdout__), np.errstate(all="ignore"):
        for number in range(start, stop, step):
            target, args, kwargs = calls.draw(number)
            print(f"> {number} {target}", file=tell, flush=True)
            begun = time.perf_counter()
            found = outcome(target, args, kwargs)
            print(f"= {number} {time.perf_counter() - begun:.3f} {found}", file=tell, flush=True)
            if "set_num_threads" in target:
                wl.set_num_threads(2)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
