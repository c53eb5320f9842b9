"""The methods of a comparison by name, in the order in which they run."""

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from widelearn.experiments.comparison.plans import Setting, TuningPlan, plain
from widelearn.experiments.errors import InputError, first_line, listing, nearest
from widelearn.experiments.tables.splits import SOME_ROWS

SAMPLER_ROWS = 50_000
PEER = "sklearn_"
# The baseline, which takes part in every comparison.
DUMMY = "dummy"
NAME = re.compile(r"[\w.:+-]{1,60}")


@dataclass(frozen=True)
class Method:
    """One method: what it is called, and how much it may take."""

    # The function that plans it in widelearn_methods.py; after ``sklearn_``, or for the dummy, in sklearn_methods.py.
    name: str
    # The most training rows it takes, because it holds a matrix that grows with them; None takes all.
    rows: int | None = None
    # Whether tuning keeps to one thread: many small fits wait for each other's threads longer than they compute.
    serial: bool = False
    # Whether it is for classes alone.
    classes_only: bool = False
    # The user's own estimator, which is fitted as it is.
    own: Any = None

    @property
    def package(self) -> str:
        """Return "widelearn", "scikit-learn", or where the user's own estimator comes from."""
        if self.own is not None:
            top = type(self.own).__module__.split(".")[0]
            return {"sklearn": "scikit-learn"}.get(top, top)
        return "scikit-learn" if self.is_peer else "widelearn"

    @property
    def is_peer(self) -> bool:
        """Whether it is scikit-learn's."""
        return self.name.startswith(PEER) or self.name == DUMMY

    def plan(self, setting: Setting) -> TuningPlan:
        """Return how it is tuned and built; its package loads here."""
        if self.own is not None:
            from sklearn.base import clone

            return plain(lambda _: clone(self.own))
        module = "sklearn_methods" if self.is_peer else "widelearn_methods"
        build: Callable[[Setting], TuningPlan] = getattr(
            import_module(f"{__package__}.{module}"), self.name.removeprefix(PEER)
        )
        return build(setting)


METHODS = (
    Method(DUMMY, serial=True),
    Method("linear"),
    Method("random_features"),
    Method("fourier_features"),
    Method("ntk", SOME_ROWS),
    Method("rbf", SOME_ROWS),
    Method("taylor"),
    Method("two_layer"),
    Method("recursive", SOME_ROWS),
    Method("sklearn_ridge", serial=True),
    Method("sklearn_logistic_regression", serial=True, classes_only=True),
    Method("sklearn_kernel_ridge", SOME_ROWS, serial=True),
    Method("sklearn_rbf_sampler", SAMPLER_ROWS, serial=True),
    Method("sklearn_random_forest", serial=True),
    Method("sklearn_hist_gradient_boosting", serial=True),
    Method("sklearn_mlp", serial=True),
)


def choose(names: str | None) -> tuple[Method, ...]:
    """Return the methods that a comma-separated list names, in the order of METHODS; None names all."""
    known = [method.name for method in METHODS]
    wanted = known if names is None else [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in known:
            raise InputError(f"no model {name!r} (--models): {nearest(name, known)}")
    if not wanted:
        raise InputError(f"--models names no model; all are {listing(known, 20)}")
    return tuple(method for method in METHODS if method.name in wanted)


def own(name: str, estimator: Any) -> Method:
    """Return a user's own estimator as a method."""
    if not NAME.fullmatch(name):
        raise InputError(f"the model's name {name!r}: take at most 60 letters, digits and any of _ . : + -")
    if name in {method.name for method in METHODS}:
        raise InputError(f"the model {name!r} is one of this comparison's own: give yours another name")
    if isinstance(estimator, type) or not all(hasattr(estimator, what) for what in ("fit", "predict", "get_params")):
        raise InputError(f"the model {name!r} is {_told(estimator)}: give an estimator with fit and predict")
    return Method(name, own=estimator)


def _told(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"


def applicable(methods: tuple[Method, ...], task: str, named: bool) -> tuple[Method, ...]:
    """Return the baseline and the methods for a task; one that was named for another is refused."""
    wrong = [method.name for method in methods if method.classes_only and task == "regression"]
    if wrong and named:
        raise InputError(f"{listing(wrong)} predicts classes, and this is regression: leave it out")
    found = tuple(method for method in methods if method.name not in wrong)
    return found if any(method.name == DUMMY for method in found) else (METHODS[0], *found)


def known_too(methods: tuple[Method, ...], done: dict[str, Any]) -> tuple[Method, ...]:
    """Return the methods and those of earlier runs, in the order of METHODS, others after them."""
    order = [method.name for method in METHODS]
    asked = {method.name: method for method in methods}
    found = {name: Method(name) for name in done if name not in asked}
    found |= {method.name: method for method in METHODS if method.name in found} | asked
    return tuple(sorted(found.values(), key=lambda one: order.index(one.name) if one.name in order else len(order)))


def named(text: str) -> Method:
    """Return the estimator that ``module:object`` names as a method: an object, or what makes one without arguments."""
    module, _, name = text.partition(":")
    if not module or not name.isidentifier():
        raise InputError(f"--model {text!r}: write module:object, such as mine:make_model")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        found = import_module(module)
    except Exception as error:
        raise InputError(f"--model {text!r}: cannot import {module}: {first_line(error)}") from error
    if not hasattr(found, name):
        raise InputError(f"--model {text!r}: {nearest(name, [one for one in vars(found) if not one.startswith('_')])}")
    value = getattr(found, name)
    if isinstance(value, type) or not hasattr(value, "fit"):
        try:
            value = value()
        except Exception as error:
            raise InputError(f"--model {text!r}: calling {name}() raised {first_line(error)}") from error
    return own(name, value)
