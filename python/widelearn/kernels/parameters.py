"""Parameters as scikit-learn knows them: get, set, compare, show and check the arguments of a constructor."""

import functools
import inspect
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, Self, TypeVar, cast

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._param_validation import make_constraint
from sklearn.utils.metaestimators import available_if

from widelearn.kernels.callbacks import mixin, takes_callbacks, tells_callbacks
from widelearn.runtime import capped, one_blas_thread_for, row_count

Method = TypeVar("Method", bound=Callable[..., Any])
# For what a class says of itself.
once = cast("Callable[[Method], Method]", functools.cache)


class Parameters:
    """An object that is its constructor's arguments: set, get, clone, pickle, show, compare and hash by value."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; with `deep`, those of nested objects too, as ``outer__inner``."""
        params: dict[str, Any] = {}
        for name in defaults_of(type(self)):
            value = getattr(self, name)
            params[name] = value
            if deep and hasattr(value, "get_params") and not isinstance(value, type):
                params |= {f"{name}__{key}": inner for key, inner in value.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name, nested ones as ``outer__inner``, and return the object."""
        own = self.get_params(deep=False)
        for key, value in params.items():
            head, nested, rest = key.partition("__")
            if head not in own or (nested and not hasattr(getattr(self, head), "set_params")):
                raise ValueError(f"Invalid parameter {key!r} for {self!r}. Valid parameters are: {list(own)}.")
            if not nested:
                setattr(self, head, value)
        for key, value in params.items():
            head, nested, rest = key.partition("__")
            if nested:
                getattr(self, head).set_params(**{rest: value})
        return self

    def __repr__(self) -> str:
        defaults = defaults_of(type(self))
        shown = (
            f"{name}={value!r}"
            for name, value in self.get_params(deep=False).items()
            if not same(value, defaults[name])
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        theirs = other.get_params(deep=False)
        return all(same(value, theirs[name]) for name, value in self.get_params(deep=False).items())

    def __hash__(self) -> int:
        return hash((type(self), *map(frozen, self.get_params(deep=False).values())))

    # Types and signs are checked here, where the parameter's name is known; the core refuses what is out of range.
    def _integer(self, name: str) -> int:
        """Return a parameter that must be a whole number of at least 0."""
        value = getattr(self, name)
        if not isinstance(value, Integral) or isinstance(value, bool):
            raise TypeError(f"{type(self).__name__}: {name} must be an integer, got {value!r}.")
        if value < 0:
            raise ValueError(f"{type(self).__name__}: {name} must not be negative, got {value!r}.")
        return int(value)

    def _real(self, name: str) -> float:
        """Return a parameter that must be a number."""
        value = getattr(self, name)
        if not isinstance(value, Real) or isinstance(value, bool):
            raise TypeError(f"{type(self).__name__}: {name} must be a number, got {value!r}.")
        return self._number(name, value)

    def _number(self, name: str, value: Any) -> float:
        """Return a number as a float."""
        try:
            return float(value)
        except OverflowError:
            name = f"{type(self).__name__}: {name}"
            raise ValueError(f"{name} must be a number that float64 can hold: take it smaller.") from None

    def _scale(self, name: str, d: int) -> float:
        """Return a parameter that must be a number or None, which stands for 1/d."""
        if getattr(self, name) is not None:
            return self._real(name)
        columns = self._number("d", d)
        if columns == 0:
            raise ValueError(f"{type(self).__name__}: {name}=None means 1/d, but rows have 0 columns. Give a number.")
        return 1.0 / columns


@once
def defaults_of(kind: type) -> dict[str, Any]:
    """Return the arguments of a class's constructor by name, with their defaults."""
    return {name: item.default for name, item in inspect.signature(kind).parameters.items()}


def same(one: object, other: object) -> bool:
    """Whether two parameters are equal, arrays entry by entry."""
    if is_array(one) or is_array(other):
        return is_array(one) and is_array(other) and np.array_equal(np.asarray(one), np.asarray(other))
    return bool(one == other)


def is_array(value: object) -> bool:
    """Whether a value is an array or a column of a frame, no number."""
    return hasattr(value, "__array__") and not isinstance(value, np.generic)


def frozen(value: object) -> object:
    """Return what has a hash in place of a parameter; equal ones have equal hashes."""
    if is_array(value):
        array = np.asarray(value)
        return (array.shape, *map(frozen, array.ravel().tolist()))
    return tuple(map(frozen, value)) if isinstance(value, list) else value


@once
def names_of(kind: type) -> list[str]:
    """Return the names of an estimator's parameters as scikit-learn reads them."""
    return BaseEstimator._get_param_names.__func__(kind)


@once
def constraints_of(kind: type) -> dict[str, list[Any]]:
    """Return what scikit-learn makes of a class's constraints on parameters."""
    given: dict[str, Any] = kind._parameter_constraints  # type: ignore[attr-defined]
    return {name: [make_constraint(one) for one in kinds] for name, kinds in given.items() if kinds != "no_validation"}


def offered_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]:
    """Return a decorator of a method that is there only where a check of its estimator says so, its type kept."""
    return cast("Callable[[Method], Method]", available_if(check))


class DefaultObjects:
    """Estimators with parameters that may be None or a name and then stand for an object.

    Setting a nested name (``kernel__depth``) while its object is None or a name first puts that object there. What a
    class says of its parameters is read once.
    """

    # Parameter -> what turns its value (None or a name) into the object it stands for.
    _stands_for: ClassVar[dict[str, Callable[[Any], object]]] = {}

    @classmethod
    def _get_param_names(cls) -> list[str]:
        return list(names_of(cls))

    def _validate_params(self) -> None:
        kinds = constraints_of(type(self))
        for name, value in self.get_params(deep=False).items():
            if name in kinds and not any(kind.is_satisfied_by(value) for kind in kinds[name]):
                # It words what is wrong.
                super()._validate_params()  # type: ignore[misc]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; with `deep`, those of nested objects too, as ``outer__inner``."""
        found: dict[str, Any] = super().get_params(deep)  # type: ignore[misc]
        return found

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name, nested ones as ``outer__inner``, and return the estimator."""
        nested = {key: value for key, value in params.items() if "__" in key}
        super().set_params(**{key: value for key, value in params.items() if key not in nested})  # type: ignore[misc]
        for name in {key.partition("__")[0] for key in nested} & set(self._stands_for):
            value = getattr(self, name)
            if value is None or isinstance(value, str):
                setattr(self, name, self._stands_for[name](value))
        super().set_params(**nested)  # type: ignore[misc]
        return self

    @offered_if(takes_callbacks)
    def set_callbacks(self, *callbacks: object) -> Self:
        """Set scikit-learn's callbacks, such as ``sklearn.callback.ProgressBar()``, and return the estimator.

        A fit is one task, with a task for every iteration where `verbose` would print a line; to ask for an end there
        ends two-layer trainings and no others. Callbacks are no parameters and no part of saved files; no arguments
        take them away. scikit-learn has them from 1.9 on.
        """
        mixin().set_callbacks(self, *callbacks)
        return self


def checks_parameters(*, nested: bool = True) -> Callable[[Method], Method]:
    """Check the arguments of a method and its estimator's parameters before it runs.

    With `nested`, parameters of estimators that it holds are checked too, by scikit-learn's decorator. An error of
    arguments names the user's class, and what its method takes.
    """
    decorate: Callable[[Method], Method] = _fit_context(prefer_skip_nested_validation=not nested)

    def wrap(method: Method) -> Method:
        checked = decorate(tells_callbacks(method) if method.__name__ == "fit" else method)
        signature = inspect.signature(method)
        names = list(signature.parameters)[1:]
        takes = ", ".join(names)
        least = sum(item.default is inspect.Parameter.empty for item in signature.parameters.values()) - 1

        @capped
        @functools.wraps(method)
        def called(estimator: Any, *args: Any, **kwargs: Any) -> Any:
            if kwargs or not least <= len(args) <= len(names):
                try:
                    signature.bind(estimator, *args, **kwargs)
                except TypeError as error:
                    name = f"{type(estimator).__name__}.{method.__name__}()"
                    raise TypeError(f"{name} {error}. It takes: {takes}.") from None
            with one_blas_thread_for(row_count(args[0] if args else kwargs.get("X"))):
                return checked(estimator, *args, **kwargs)

        return cast("Method", called)

    return wrap
