"""The file of a training's state, which only the same problem takes up."""

import hashlib
from numbers import Integral
from typing import Any

import numpy as np

from widelearn.estimators.two_layer.descent import MEASURES
from widelearn.estimators.two_layer.network import Batch
from widelearn.ridge.checkpoint import StateFile
from widelearn.runtime import Array, row_blocks

# What may differ between the parts of one run, or is only how it is watched.
MAY_DIFFER = ("max_iter", "callback", "verbose", "checkpoint", "random_state")


# Iterations of which a history may tell, at most.
ITERATIONS = 1 << 24
# Rows whose bytes are read at once.
ROWS = 65536


class Checkpoint:
    """The file of a run: read once, and refused if it is another problem's."""

    def __init__(self, chosen: Any, loss: str, rows: Batch) -> None:
        given = chosen.get_params(deep=False)
        parameters = {name: value for name, value in given.items() if name not in MAY_DIFFER} | {"loss": loss}
        if chosen.learning_rate != "constant":
            parameters["max_iter"] = chosen.max_iter
        if isinstance(chosen.random_state, Integral):
            parameters["random_state"] = int(chosen.random_state)
        X, Y, _ = rows
        self.file = StateFile(chosen.checkpoint, digest(parameters, *(part for part in rows if part is not None)))
        p = chosen.width * (X.shape[1] + 1 + Y.shape[1])
        some, history = range(0, p + 1, p), (len(MEASURES), range(ITERATIONS))
        shapes: dict[str, Any] = {
            "theta": ((p,), X.dtype),
            "before": ((p,), X.dtype),
            "velocity": ((p,), X.dtype),
            "square": ((some,), X.dtype),
        }
        shapes |= {"kept": ((some,), X.dtype), "counts": ((4,), np.int64), "best": ((), np.float64)}
        shapes |= {"history": (history, np.float64), "seed": ((), np.int64)}
        most = 5 * p * X.dtype.itemsize + 8 * len(MEASURES) * ITERATIONS
        self.state = self.file.read(shapes, most)
        self.seed = None if self.state is None else int(self.state.pop("seed"))

    def keep(self, state: dict[str, Array], seed: int) -> None:
        """Write a state, or remember it for the end."""
        self.file.keep({**state, "seed": np.array(seed)})


def digest(parameters: dict[str, Any], *arrays: Array) -> str:
    """Return a fingerprint of arrays and parameters, the same in every process."""
    found = hashlib.sha256()
    for name, value in sorted(parameters.items()):
        shown = value
        if callable(value):
            shown = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__name__)}"
        elif isinstance(value, np.random.RandomState):
            shown = "RandomState"
        elif name in ("init", "mask") and value is not None and not isinstance(value, str):
            shown = [np.asarray(part).tolist() for part in value]
        found.update(f"{name}={shown!r};".encode())
    for array in arrays:
        found.update(f"{array.shape} {array.dtype};".encode())
        # In parts: a copy of all rows would be as large as they are, and would not be interrupted.
        for rows in row_blocks(len(array), ROWS):
            found.update(np.ascontiguousarray(array[rows]).tobytes())
    return found.hexdigest()
