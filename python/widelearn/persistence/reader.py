"""From data to objects: what a file says is checked as it is put together, and nothing that it names is called."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from widelearn.persistence import peers
from widelearn.persistence.classes import function_of, rebuilt
from widelearn.persistence.layout import dtype_of, lengths_of
from widelearn.persistence.writer import DEEPEST, WHOLE
from widelearn.runtime import Array

# What is in an array of Python's objects.
PLAIN = (str, int, float, bool, type(None))
# Words of MT19937's state.
WORDS = 624


class Reader:
    """Put together the object that `Writer` took apart.

    Parameters
    ----------
    objects : list
        As the header has them.
    arrays : list of ndarray
    """

    def __init__(self, objects: Any, arrays: list[Array]) -> None:
        self.arrays = arrays
        self.objects: list[Any] = []
        self.peers: dict[int, Any] = {}
        self.depth = 0
        self.kinds: dict[str, Callable[[Any], Any]] = {
            "array": self.array,
            "csr_array": lambda said: sp.csr_array(self.sparse(said)),
            "csr_matrix": lambda said: sp.csr_matrix(self.sparse(said)),
            "dict": self.dictionary,
            "dtype": dtype_of,
            "float": number,
            "function": function_of,
            "number": self.scalar,
            "object": lambda said: self.objects[whole_number(said, len(self.objects))],
            "objects": self.object_array,
            "path": lambda said: Path(text(said)),
            "random state": self.random_state,
            "range": lambda said: range(*(whole_number(one) for one in items(said, 3))),
            "skops": self.peer,
            "tuple": lambda said: tuple(self.value(one) for one in items(said)),
        }
        for one in items(objects):
            if not isinstance(one, dict) or not {"class", "state"} <= set(one) <= {"class", "parameters", "state"}:
                raise ValueError("an object in it has no class or no state")
            parts = entries(one.get("parameters", {})) | entries(one["state"])
            self.objects.append(rebuilt(one["class"], {name: self.value(part) for name, part in parts.items()}))

    def whole(self, said: Any) -> Any:
        """Return the object that a file is about."""
        if not WHOLE & set(entries(said)):
            raise ValueError("what it is about is no object")
        return self.value(said)

    def value(self, said: Any) -> Any:
        """Return what a value of JSON says."""
        if said is None or isinstance(said, str | int | float):
            return said
        self.depth += 1
        if self.depth > DEEPEST:
            raise ValueError(f"its values are more than {DEEPEST} deep")
        try:
            if isinstance(said, list):
                return [self.value(one) for one in said]
            kind = ", ".join(entries(said))
            if kind not in self.kinds:
                raise ValueError(f"it has a value of the kind {kind[:100]!r}, which this version does not know")
            return self.kinds[kind](said[kind])
        finally:
            self.depth -= 1

    def array(self, said: Any) -> Array:
        """Return an array by its place."""
        return self.arrays[whole_number(said, len(self.arrays))]

    def dictionary(self, said: Any) -> dict[Any, Any]:
        """Return a dictionary of pairs."""
        pairs = [items(pair, 2) for pair in items(said)]
        return {self.value(key): self.value(one) for key, one in pairs}

    def scalar(self, said: Any) -> Any:
        """Return a number of NumPy's."""
        name, value = items(said, 2)
        kind = dtype_of(name)
        if kind.kind not in "biufU":
            raise ValueError(f"{kind} is no kind of number")
        return kind.type(self.value(value))

    def object_array(self, said: Any) -> Array:
        """Return an array of texts and other plain values."""
        shape, values = items(said, 2)
        lengths, found = lengths_of(shape), [self.value(one) for one in items(values)]
        if math.prod(lengths) != len(found) or not all(isinstance(one, (*PLAIN, np.generic)) for one in found):
            raise ValueError(f"an array of shape {lengths} in it does not hold so many plain values")
        array = np.empty(len(found), object)
        array[:] = found
        return array.reshape(lengths)

    def sparse(self, said: Any) -> sp.csr_array:
        """Return sparse rows, once SciPy found that their arrays fit."""
        shape, *parts = items(said, 4)
        rows, columns = lengths_of(shape)
        data, indices, indptr = (self.value(part) for part in parts)
        if not all(isinstance(part, np.ndarray) and part.ndim == 1 for part in (data, indices, indptr)):
            raise ValueError("sparse rows in it are not made of arrays")
        found = sp.csr_array((data, indices, indptr), (rows, columns))
        found.check_format(full_check=True)
        return found

    def random_state(self, said: Any) -> np.random.RandomState:
        """Return a generator where it stood."""
        keys, place, has_gauss, gauss = items(said, 4)
        words = self.value(keys)
        if not isinstance(words, np.ndarray) or words.dtype != np.uint32 or words.shape != (WORDS,):
            raise ValueError("the state of a generator in it is damaged")
        found = np.random.RandomState()
        found.set_state(("MT19937", words, whole_number(place, WORDS + 1), whole_number(has_gauss, 2), number(gauss)))
        return found

    def peer(self, said: Any) -> Any:
        """Return an object of scikit-learn."""
        place = whole_number(said, len(self.arrays))
        if place not in self.peers:
            self.peers[place] = peers.read(self.arrays[place])
        return self.peers[place]


def entries(said: Any) -> dict[str, Any]:
    """Return an object of JSON."""
    if not isinstance(said, dict):
        raise ValueError("a value in it is no object of JSON")
    return said


def items(said: Any, length: int | None = None) -> list[Any]:
    """Return a list of JSON, of a length where one is asked for."""
    if not isinstance(said, list) or (length is not None and len(said) != length):
        raise ValueError(f"a value in it is no list{'' if length is None else f' of {length}'}")
    return said


def whole_number(said: Any, below: int | None = None) -> int:
    """Return a whole number, of 0 or more and below a bound where one is given."""
    if type(said) is not int or (below is not None and not 0 <= said < below):
        raise ValueError(f"{str(said)[:100]} in it is no whole number{'' if below is None else f' below {below}'}")
    return said


def number(said: Any) -> float:
    """Return a number, also one that is not finite and is written as a text."""
    if type(said) in (int, float) or said in ("nan", "inf", "-inf"):
        return float(said)
    raise ValueError(f"{str(said)[:100]!r} in it is no number")


def text(said: Any) -> str:
    """Return a text."""
    if not isinstance(said, str):
        raise ValueError("a value in it is no text")
    return said
