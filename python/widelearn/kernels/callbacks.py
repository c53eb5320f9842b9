"""Callbacks of scikit-learn, from its version 1.9 on: a fit is a task of theirs, with a task for every iteration."""

import functools
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar, cast

Method = TypeVar("Method", bound=Callable[..., Any])


@functools.cache
def exist() -> bool:
    """Whether scikit-learn has callbacks."""
    return find_spec("sklearn.callback") is not None


def mixin() -> Any:
    """Return the mixin of estimators that have callbacks, which is loaded when it is used."""
    return import_module("sklearn.callback").CallbackSupportMixin


def takes_callbacks(_: Any) -> bool:
    """Whether scikit-learn has callbacks; AttributeError says which version does."""
    if not exist():
        raise AttributeError("set_callbacks needs scikit-learn 1.9 or newer: pip install -U scikit-learn.")
    return True


def tells_callbacks(fit: Method) -> Method:
    """Let a fit be a task of its estimator's callbacks, or of those of what holds it; without any it runs as it is.

    scikit-learn's decorator of parameters, around this one, ends what is begun here.
    """

    @functools.wraps(fit)
    def told(estimator: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
        if not {"_skl_callbacks", "_parent_callback_ctx"} & vars(estimator).keys():
            return fit(estimator, X, *args, **kwargs)
        y = args[0] if args else kwargs.get("y")
        weight = args[1] if len(args) > 1 else kwargs.get("sample_weight")
        given = {"estimator": estimator, "X": X, "y": y}
        given["metadata"] = None if weight is None else {"sample_weight": weight}
        # How many iterations there will be is not known.
        context = mixin()._init_callback_context(estimator, max_subtasks=None)
        context.call_on_fit_task_begin(**given)
        found = fit(estimator, X, *args, **kwargs)
        context.call_on_fit_task_end(**given, reconstruction_attributes=dict)
        return found

    return cast("Method", told)
