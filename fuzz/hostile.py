"""Hostile arguments: what comes of a valid one when its type, layout, size or values are changed."""

from __future__ import annotations

import fractions
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp

WHOLE = (-(2**63), -(2**31), -7, -1, 0, 1, 2, 3, 5, 17, 300, 10**4, 10**6, 10**9, 2**31, 2**32, 2**53 + 1)
WHOLE += (2**61, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30, 10**400)
REAL = (0.0, -0.0, -1.0, 0.5, 1.0, 3.7, 1e-320, 1e-300, 1e-12, 1e12, 1e16, 1e300, np.inf, -np.inf, np.nan)
TEXT = ("", "x", "relu", "rbf", "auto", "gcv", "precomputed", "a\0b", "\N{GRINNING FACE}", "long" * 3000, "3", "nan")
ODD: tuple[Callable[[], Any], ...] = (
    lambda: None,
    lambda: True,
    lambda: object(),
    lambda: b"bytes",
    lambda: 1 + 2j,
    lambda: fractions.Fraction(1, 3),
    lambda: np.float32(2),
    lambda: np.int8(3),
    lambda: np.array(3),
    lambda: np.array(None, dtype=object),
    lambda: np.datetime64("2020-01-01"),
    list,
    lambda: (),
    dict,
    lambda: set(),
    lambda: range(3),
    lambda: iter([1, 2]),
    lambda: [[1, 2], [3]],
    lambda: [[[[1.0]]]],
    lambda: {"a": {"b": 1}},
    lambda: slice(3),
    lambda: np.tanh,
    lambda: int,
    lambda: np.empty((0, 3)),
    lambda: np.empty((3, 0)),
    lambda: np.ones((1, 1)),
    lambda: np.zeros(1, dtype=[("a", float)]),
    lambda: memoryview(b"abcd"),
)
TYPES = ("f4", "f8", "f2", "g", "i1", "i8", "u8", "?", "c16", "O", ">f8", ">f4", "U8", "S4", "M8[s]")
VALUES = (np.nan, np.inf, -np.inf, 0.0, -1.0, 1e-300, 1e-160, 1e160, 1e308, 5e-324)


class Build(NamedTuple):
    """An object that is made inside the call, so that a refusal of its parameters counts as one."""

    cls: type
    parameters: dict[str, Any]


def built(value: Any) -> Any:
    """Return a value with what has to be built first."""
    if isinstance(value, Build):
        return value.cls(**{name: built(parameter) for name, parameter in value.parameters.items()})
    return value


def changed(rng: np.random.Generator, value: Any) -> Any:
    """Return something that is not quite what a value was."""
    if rng.random() < 0.12:
        return pick(rng, ODD)()
    if isinstance(value, np.ndarray):
        return changed_array(rng, value)
    if isinstance(value, bool | np.bool_):
        return pick(rng, (not value, None, 2, "yes", np.bool_(value), [True]))
    if isinstance(value, int | np.integer):
        return (
            pick(rng, WHOLE) if rng.random() < 0.8 else pick(rng, (float(value), str(value), [value], np.array(value)))
        )
    if isinstance(value, float | np.floating):
        return pick(rng, REAL) if rng.random() < 0.7 else pick(rng, (*WHOLE, str(value), [value], np.float32(value)))
    if isinstance(value, str):
        return pick(rng, TEXT)
    if value is None:
        return pick(rng, (*WHOLE, *REAL, *TEXT)) if rng.random() < 0.7 else pick(rng, ODD)()
    return changed_container(rng, value)


def changed_container(rng: np.random.Generator, value: Any) -> Any:
    """Return a tuple, list, dictionary or object with one part changed, or something else."""
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return changed_sequence(rng, value)
    if isinstance(value, dict) and value:
        key = pick(rng, tuple(value))
        return {**value, key: changed(rng, value[key])} if rng.random() < 0.8 else {**value, "x": 1}
    if isinstance(value, Build):
        name = pick(rng, tuple(value.parameters))
        return Build(value.cls, {**value.parameters, name: changed(rng, value.parameters[name])})
    if hasattr(value, "_fields"):
        parts = list(value)
        at = int(rng.integers(len(parts))) if parts else 0
        parts[at : at + 1] = [changed(rng, part) for part in parts[at : at + 1]]
        return type(value)(*parts)
    if hasattr(value, "get_params") and not isinstance(value, type):
        return changed_object(rng, value)
    return pick(rng, ODD)()


def changed_sequence(rng: np.random.Generator, value: Any) -> Any:
    """Return a list or tuple with an element changed, dropped, added, or as something else."""
    parts = list(value)
    way = rng.integers(6)
    if way <= 2 and parts:
        at = int(rng.integers(len(parts)))
        parts[at] = changed(rng, parts[at])
    elif way == 3:
        parts = parts[:-1]
    elif way == 4:
        parts = parts + parts[:1] + [pick(rng, ODD)()]
    else:
        return pick(rng, (np.array(parts, dtype=object), list(parts), [parts], parts * 50))
    return type(value)(parts)


def changed_object(rng: np.random.Generator, value: Any) -> Any:
    """Return an object with one of its parameters changed, to be built in the call."""
    parameters = value.get_params(deep=False)
    if not parameters:
        return pick(rng, ODD)()
    name = pick(rng, tuple(parameters))
    return Build(type(value), {**parameters, name: changed(rng, parameters[name])})


def changed_array(rng: np.random.Generator, value: Any) -> Any:
    """Return an array with another type, layout, shape or values."""
    return pick(rng, (typed, laid_out, shaped, shaped, filled, filled, scaled, dressed))(rng, value)


def typed(rng: np.random.Generator, value: Any) -> Any:
    """Return an array of another type."""
    with np.errstate(all="ignore"):
        try:
            return value.astype(pick(rng, TYPES))
        except (ValueError, TypeError):
            return value.astype(object)


def laid_out(rng: np.random.Generator, value: Any) -> Any:
    """Return the same values in another layout: order, strides, alignment, or not to be written to."""
    if value.dtype.hasobject:
        return value[::-1]
    way = rng.integers(6)
    if way == 0:
        return np.asfortranarray(value)
    if way == 1:
        wide = np.zeros((*value.shape[:-1], 2 * value.shape[-1]) if value.ndim else (), value.dtype)
        wide[..., ::2] = value
        return wide[..., ::2]
    if way == 2:
        return value[::-1] if value.ndim else value
    if way == 3:
        raw = np.zeros(value.nbytes + 1, np.uint8)[1:].view(value.dtype).reshape(value.shape)
        raw[...] = value
        return raw
    if way == 4:
        return np.broadcast_to(value[:1], value.shape) if value.ndim and len(value) else value
    value.flags.writeable = False
    return value


def shaped(rng: np.random.Generator, value: Any) -> Any:
    """Return an array of another shape."""
    ways = [
        value.ravel(),
        value[None],
        value[..., None],
        value.T,
        value[:0],
        value[..., :0],
        np.concatenate([value.ravel()] * 2),
    ]
    if value.ndim:
        ways += [value[:1], value[:-1], value[..., :-1], value[..., :1], value[0], np.repeat(value, 2, axis=0)]
        ways += [np.repeat(value, 2, axis=-1)]
    return np.ascontiguousarray(pick(rng, ways)) if 0 not in value.shape else value


def filled(rng: np.random.Generator, value: Any) -> Any:
    """Return an array of floats with odd values, one or all of them."""
    new = np.array(value if value.dtype.kind == "f" else np.zeros(value.shape))
    odd = pick(rng, VALUES)
    with np.errstate(all="ignore"):
        if rng.random() < 0.5 and new.size:
            new.flat[int(rng.integers(new.size))] = odd
        else:
            new[...] = odd
    return new


def scaled(rng: np.random.Generator, value: Any) -> Any:
    """Return an array of other sizes."""
    with np.errstate(all="ignore"):
        try:
            return value * value.dtype.type(10.0 ** rng.integers(-300, 300))
        except (ValueError, TypeError, OverflowError):
            return value


def dressed(rng: np.random.Generator, value: Any) -> Any:
    """Return the values as something that is no plain array."""
    ways: list[Callable[[], Any]] = [value.tolist, lambda: np.ma.masked_array(value, value == value.flat[0])]
    ways += [lambda: pd.DataFrame(value), lambda: sp.csr_matrix(value), lambda: sp.coo_matrix(value)]
    ways += [lambda: value.view(np.matrix), lambda: tuple(map(tuple, value)), lambda: pd.Series(list(value))]
    try:
        return pick(rng, ways)()
    except (ValueError, TypeError, IndexError):
        return value.tolist()


def pick(rng: np.random.Generator, choices: Any) -> Any:
    """Return one of some choices, which NumPy is not to turn into an array."""
    return choices[int(rng.integers(len(choices)))]
