"""From objects to data: values of JSON, and arrays beside them."""

import math
from pathlib import PurePath
from typing import Any, NoReturn

import numpy as np
import scipy.sparse as sp

from widelearn.persistence import peers
from widelearn.persistence.classes import FUNCTIONS, function_of, name_of, parameters_of, state_of
from widelearn.runtime import Array

# Kinds of arrays that are their bytes.
KINDS = "biufcUSmM"
# Python reads no longer whole numbers back from text.
MOST_BITS = 10_000
# Values inside values; what lies deeper is no model.
DEEPEST = 100
# The kinds of values that a model can be.
WHOLE = {"object", "skops"}
REMEDY = "Keep the model by pickle, or by skops, for those who trust it."


class Writer:
    """Turn one object, and all that it is made of, into data.

    Attributes
    ----------
    whole : dict
        Where the object stands.
    objects : list of dict
        A class's name, its parameters and the rest of its state. Parts stand before what they are parts of.
    arrays : list of ndarray
        Each is there once, whoever holds it.
    """

    def __init__(self, whole: Any) -> None:
        self.objects: list[dict[str, Any]] = []
        self.arrays: list[Array] = []
        self.places: dict[int, int] = {}
        # What has a place must not make room for another of its identity.
        self.held: list[Any] = []
        self.open: set[int] = set()
        self.depth = 0
        self.whole = self.value(whole, type(whole).__name__)
        if not isinstance(self.whole, dict) or not WHOLE & set(self.whole):
            refuse(type(whole).__name__, whole)

    def place_of(self, value: Any, path: str) -> int:
        """Write an object, unless it is written, and return where it stands."""
        if id(value) in self.places:
            return self.places[id(value)]
        name = name_of(type(value))
        if name is None:
            refuse(path, value)
        if id(value) in self.open:
            raise ValueError(f"{path} is a part of itself, which no file can say. {REMEDY}")
        self.open.add(id(value))
        parts = {part: self.value(one, f"{path}.{part}") for part, one in state_of(value).items()}
        self.open.remove(id(value))
        first = [part for part in parameters_of(type(value)) if part in parts]
        parameters = {part: parts.pop(part) for part in first}
        self.objects.append({"class": name} | ({"parameters": parameters} if first else {}) | {"state": parts})
        return self.keep(value, len(self.objects) - 1)

    def keep(self, value: Any, place: int) -> int:
        """Remember where something stands."""
        self.held.append(value)
        self.places[id(value)] = place
        return place

    def value(self, value: Any, path: str) -> Any:
        """Return a value as JSON says it."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise ValueError(f"{path[:200]} lies more than {DEEPEST} values deep. {REMEDY}")
        try:
            return self.written(value, path)
        finally:
            self.depth -= 1

    def written(self, value: Any, path: str) -> Any:
        """Return one value; each kind but those of JSON is an object of one entry, which names it."""
        kind = type(value)
        if value is None or kind in (bool, str):
            return value
        if kind is int and value.bit_length() > MOST_BITS:
            raise ValueError(
                f"{path} is a whole number of {value.bit_length():,} bits, more than {MOST_BITS:,}. {REMEDY}"
            )
        if kind is int:
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind is list:
            return [self.value(one, f"{path}[{place}]") for place, one in enumerate(value)]
        if kind is tuple:
            return {"tuple": [self.value(one, f"{path}[{place}]") for place, one in enumerate(value)]}
        if kind is dict:
            pairs = [[self.value(key, path), self.value(one, f"{path}[{key!r}]")] for key, one in value.items()]
            return {"dict": pairs}
        if kind is np.ndarray:
            return self.array(value, path)
        if isinstance(value, np.generic) and value.dtype.kind in "biufU" and not isinstance(value, np.longdouble):
            return {"number": [value.dtype.str, self.value(value.item(), path)]}
        if isinstance(value, np.dtype) and value.kind in KINDS:
            return {"dtype": value.str}
        return self.rare(value, kind, path)

    def rare(self, value: Any, kind: type[Any], path: str) -> Any:
        """Return a value of a kind that few models hold."""
        if kind in (sp.csr_matrix, sp.csr_array):
            parts = [self.array(part, path) for part in (value.data, value.indices, value.indptr)]
            return {kind.__name__: [list(value.shape), *parts]}
        if kind is np.random.RandomState:
            _, keys, *rest = value.get_state()
            return {"random state": [self.array(keys, path), *rest]}
        if kind is range:
            return {"range": [value.start, value.stop, value.step]}
        if isinstance(value, PurePath):
            return {"path": str(value)}
        name = getattr(value, "__name__", None)
        if name in FUNCTIONS and function_of(name) is value:
            return {"function": name}
        if name_of(kind) is not None:
            return {"object": self.place_of(value, path)}
        if peers.is_known(kind):
            return {"skops": self.bytes(value, path)}
        return refuse(path, value)

    def bytes(self, value: Any, path: str) -> int:
        """Write an object of scikit-learn, as skops does, unless it is written; return where its bytes stand."""
        if id(value) not in self.places:
            self.arrays.append(np.frombuffer(peers.written(value, path), np.uint8))
            self.keep(value, len(self.arrays) - 1)
        return self.places[id(value)]

    def array(self, value: Array, path: str) -> dict[str, Any]:
        """Write an array; one of Python's objects is a list of them."""
        if value.dtype.kind == "O":
            items = [self.value(one, f"{path}[{place}]") for place, one in enumerate(value.ravel().tolist())]
            return {"objects": [list(value.shape), items]}
        if value.dtype.kind not in KINDS:
            refuse(path, value)
        if id(value) not in self.places:
            self.arrays.append(value)
            self.keep(value, len(self.arrays) - 1)
        return {"array": self.places[id(value)]}


def refuse(path: str, value: Any) -> NoReturn:
    """Say what cannot be kept as data, and what can be done."""
    if path.endswith(".scoring"):
        raise ValueError(
            f"{path} is a scorer, {value!r:.80}, whose code a file that runs none cannot hold. Give its name, such as"
            " set_params(scoring='r2'): what was fitted stays."
        )
    kind = type(value)
    shown = getattr(value, "__qualname__", None) or f"a {kind.__module__}.{kind.__qualname__}"
    if callable(value) and not hasattr(value, "get_params"):
        raise ValueError(
            f"{path} is a function of yours ({shown}), which a file that runs no code cannot hold. Take a kernel or an"
            f" activation by name, or drop it. {REMEDY}"
        )
    raise ValueError(f"{path} is {shown}, which is no class that such a file may hold. {REMEDY}")
