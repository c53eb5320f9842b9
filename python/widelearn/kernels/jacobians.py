"""Jacobians of a model's outputs by its parameters, read in blocks of rows: of arrays and of callables, checked."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from types import MethodType
from typing import Any

import numpy as np

from widelearn.kernels.layers import Layer, read_layers
from widelearn.kernels.returned import finite, numbers
from widelearn.runtime import Array, NumberOverflowError, available_memory, check_memory, row_blocks

# Bytes of the rows of a Jacobian that are kept while others pass, and the share of them that passes at once.
PANEL_BYTES, SHARE = 600 << 20, 6
# Rows that a callable is given at once, and bytes of what it returns, at most: what it holds beside that is not known
# here. Beyond 32 MiB the C library asks the system for new pages every time, which cost as much as the values.
CALL_ROWS, CALL_BYTES = 256, 31 << 20
# Numbers of outputs that are tried on a `vjp` that refuses one, where nothing else says how many there are.
OUTPUTS = 128
# What a callable of another number of outputs may raise.
MISFITS = (ValueError, TypeError, RuntimeError, IndexError, AssertionError)


class Jacobian:
    """Read J(x), c outputs by P parameters, of blocks of rows, and multiply with it where products are given.

    Parameters and outputs are counted at the first call, and every later one is held to them. Callables are given
    copies, which they may write into.
    """

    def __init__(self, jacobian: Any, jvp: Any, vjp: Any, factors: Any) -> None:
        self.parts = jacobian, jvp, vjp, factors
        check_parts(*self.parts)
        self._sizes: tuple[int, int] | None = None
        # Of factors: one row's, as they were returned.
        self._first: list[Layer] = []
        # Of an array: its values, the rows that they are of, and where each of those is.
        self._stored: Array | None = None
        self._known: Array | None = None
        self._places: dict[bytes, int] = {}
        if jacobian is not None and not callable(jacobian):
            self._stored = stored(jacobian)
            self._sizes = self._stored.shape[1], self._stored.shape[2]

    @property
    def has_products(self) -> bool:
        """Whether products take the place of rows where they can."""
        return self.parts[1] is not None and self.parts[2] is not None

    @property
    def has_factors(self) -> bool:
        """Whether rows are given layer by layer."""
        return self.parts[3] is not None

    def sizes(self, x: Array) -> tuple[int, int]:
        """Return the numbers of outputs and of parameters, which one row is asked for the first time."""
        if self._sizes is None:
            self._sizes = self._counted(x[:1])
        return self._sizes

    def on(self, x: Array) -> "TangentRows":
        """Return the Jacobian at some rows."""
        return TangentRows(self, x, None if self._stored is None else self._find(self._stored, x))

    def panel_rows(self, x: Array, itemsize: int, *, formed: bool = False) -> tuple[int, int, int]:
        """Return how many rows are kept while others pass, how many pass, and how many are asked for at once.

        Rows that are `formed` are those of J, whatever they are made of.
        """
        c, p = self.sizes(x)
        whole = formed or not self.has_factors
        held = c * p if whole else held_by(self.first(x))
        each, returned = held * itemsize, max(held, held_by(self._first)) * itemsize
        check_memory(4 * returned, f"The Jacobian of 2 rows, {c} outputs and {p} parameters", "Take a smaller model.")
        panel = max(min(PANEL_BYTES, available_memory()[0] // 3) // each, 1)
        passing = max(panel // SHARE, 1)
        return panel, passing, min(max(CALL_BYTES // returned, 1), passing, CALL_ROWS)

    def first(self, x: Array) -> list[Layer]:
        """Return the layers of one row, as they are held."""
        self.sizes(x)
        return [layer.smaller() for layer in self._first]

    def layers(self, x: Array) -> list[Layer]:
        """Return J at rows that a callable is given, layer by layer."""
        if not self.has_factors:
            return [Layer(self.called(x))]
        found = read_layers(self.parts[3](x.copy()), len(x))
        for i, (layer, known) in enumerate(zip(found, self._first, strict=False)):
            if layer.shapes != known.shapes:
                raise ValueError(
                    f"Layer {i} of factors has rows of shapes {layer.shapes}, and {known.shapes} before: they must be"
                    " the same at every call. Make a new Empirical for another model."
                )
        if len(found) != len(self._first or found):
            raise ValueError(f"factors returned {len(found)} layers, and {len(self._first)} before: give all of them.")
        return found

    def called(self, x: Array) -> Array:
        """Return J (n, c, P) at rows that a callable is given."""
        jacobian, _, vjp, _ = self.parts
        if jacobian is None:
            return self._by_rows(x, vjp)
        found = numbers(jacobian(x.copy()), "jacobian")
        if found.ndim not in (2, 3) or len(found) != len(x):
            raise ValueError(
                f"jacobian returned shape {found.shape} for {len(x)} rows: it must be ({len(x)}, P), or"
                f" ({len(x)}, c, P) for c outputs."
            )
        found = found.reshape(len(x), 1 if found.ndim == 2 else found.shape[1], found.shape[-1])
        self._hold("jacobian", found.shape[1:])
        return found

    def forward(self, x: Array, theta: Array) -> Array:
        """Return J θ (n, c) by `jvp`."""
        c, _ = self.sizes(x)
        found = numbers(self.parts[1](x.copy(), theta.astype(x.dtype)), "jvp")
        if found.shape not in ((len(x), c), (len(x),) if c == 1 else None):
            raise ValueError(f"jvp returned shape {found.shape} for {len(x)} rows: it must be ({len(x)}, {c}).")
        return finite(found.reshape(len(x), c), "jvp")

    def backward(self, x: Array, U: Array) -> Array:
        """Return Jᵀ U (P,) by `vjp`."""
        _, p = self.sizes(x)
        found = numbers(self.parts[2](x.copy(), U.astype(x.dtype)), "vjp")
        if found.shape != (p,):
            raise ValueError(f"vjp returned shape {found.shape}, and ({p},) before: it must be the same at every call.")
        return finite(found, "vjp")

    def _by_rows(self, x: Array, vjp: Callable[[Array, Array], Any]) -> Array:
        """Return J from as many products as there are rows and outputs."""
        c, p = self.sizes(x)
        out, units = np.empty((len(x), c, p), x.dtype), np.eye(c, dtype=x.dtype)
        for i in range(len(x)):
            for k in range(c):
                out[i, k] = self.backward(x[i : i + 1], units[k : k + 1])
        return out

    def _counted(self, row: Array) -> tuple[int, int]:
        """Return the numbers of outputs and parameters at one row."""
        if self.has_factors:
            self._first = self.layers(row)
            return self._first[0].delta.shape[1], sum(layer.parameters for layer in self._first)
        if self.parts[0] is not None:
            return self.called(row).shape[1:]
        _, jvp, vjp, _ = self.parts
        try:
            theta, c = numbers(vjp(row.copy(), np.zeros((1, 1), row.dtype)), "vjp"), 1
        except MISFITS:
            found = several(vjp, row)
            if found is None:
                raise
            theta, c = found
        if theta.ndim != 1:
            raise ValueError(f"vjp returned shape {theta.shape}: it must be (P,), the parameters in one row.")
        if jvp is not None:
            # What takes one output for all of them says here how many they are.
            outputs = numbers(jvp(row.copy(), np.zeros(theta.shape, row.dtype)), "jvp")
            if outputs.ndim not in (1, 2) or len(outputs) != 1:
                raise ValueError(f"jvp returned shape {outputs.shape} for 1 row: it must be (1, c).")
            c = outputs.size
        return counted((c, len(theta)))

    def _hold(self, name: str, sizes: tuple[int, ...]) -> None:
        """Hold a callable to the outputs and parameters that were counted first."""
        known = self._sizes or counted(sizes)
        if known != sizes:
            (c, p), (d, q) = known, sizes
            raise ValueError(
                f"{name} returned {d} outputs and {q} parameters, and {c} and {p} before: they must be the same at"
                " every call. Make a new Empirical for another model."
            )

    def _find(self, J: Array, x: Array) -> Array | None:
        """Return the places of rows among those that the array is of, None where they are those; the first ones are."""
        rows = x.astype(np.float64, copy=False)
        if self._known is None:
            if len(J) != len(x):
                raise ValueError(
                    f"The Jacobian is an array of {len(J)} rows, and X has {len(x)}: an array serves the rows that it"
                    " was computed at, all of which come first. Give a callable for others."
                )
            self._known = rows.copy()
        if rows.shape == self._known.shape and np.array_equal(rows, self._known):
            return None
        if not self._places:
            self._places = {row.tobytes(): i for i, row in enumerate(self._known + 0.0)}
        found = np.array([self._places.get(row.tobytes(), -1) for row in rows + 0.0], dtype=np.intp)
        if (found < 0).any():
            raise ValueError(
                f"Row {int(np.argmin(found))} is none of the {len(J)} that the array of the Jacobian was first met"
                " with: an array serves the fitted rows alone. Give a callable for others."
            )
        return found


class TangentRows:
    """The Jacobian at some rows, block by block."""

    def __init__(self, source: Jacobian, x: Array, places: Array | None) -> None:
        self.source, self.x, self.places = source, x, places

    def layers(self, rows: slice, dtype: Any) -> list[Layer]:
        """Return J of a block of rows layer by layer, in a type of number or their own, as it is held."""
        J = self.source._stored
        if J is None:
            return [layer.typed(dtype).smaller() for layer in self.source.layers(self.x[rows])]
        return [Layer(J[rows] if self.places is None else J[self.places[rows]]).typed(dtype)]

    def layered(self, dtype: Any) -> Iterator[tuple[slice, list[Layer]]]:
        """Yield all rows and their layers, as many at once as fit into a panel in float64."""
        *_, step = self.source.panel_rows(self.x, 8)
        for rows in row_blocks(len(self.x), step):
            yield rows, self.layers(rows, dtype)

    def block(self, rows: slice) -> Array:
        """Return J (b, c, P) of a block of rows."""
        formed = [layer.formed() for layer in self.layers(rows, self.x.dtype if self.source.has_factors else None)]
        return formed[0] if len(formed) == 1 else np.concatenate(formed, axis=2)

    def blocks(self) -> Iterator[tuple[slice, Array]]:
        """Yield all rows and their J, as many at once as fit into a panel in float64."""
        *_, step = self.source.panel_rows(self.x, 8, formed=True)
        for rows in row_blocks(len(self.x), step):
            yield rows, self.block(rows)

    def complain(self, rows: slice) -> None:
        """Refuse values of rows that are not finite, or whose products overflow."""
        for i in range(rows.start, rows.stop):
            row = slice(i, i + 1)
            # Of factors J need not be formed: where they are finite, it is their products that overflow.
            layers = self.source.layers(self.x[row]) if self.source.has_factors else [Layer(self.block(row))]
            if not all(np.isfinite(values).all() for layer in layers for values in layer.arrays):
                raise ValueError(
                    f"The Jacobian has NaN or infinity at row {i} of its {len(self.x)}: scale the row down or drop it,"
                    " or mend the model there."
                )
        raise NumberOverflowError(
            f"Products of the Jacobian's rows {rows.start} to {rows.stop - 1} overflow {self.x.dtype}: scale the model"
            " or its rows down, or take float64."
        )


class Panel:
    """Room for J of rows that are held together, in a type of number or their own; it is used again for others.

    A callable is asked for `step` rows at a time, and may fill the same array at every call.
    """

    def __init__(self, size: int, step: int, dtype: np.dtype[Any] | None) -> None:
        self.size, self.step, self.dtype = size, step, dtype
        self.rooms: list[tuple[Array, ...]] = []

    def read(self, source: TangentRows, rows: slice) -> list[Layer]:
        """Return the layers of at most `size` rows, which take the place of what was read before."""
        if source.source._stored is not None:
            return source.layers(rows, self.dtype)
        for part in row_blocks(rows.stop - rows.start, self.step):
            found = source.layers(slice(rows.start + part.start, rows.start + part.stop), self.dtype)
            if not self.rooms:
                self.rooms = [tuple(np.empty((self.size, *x.shape[1:]), x.dtype) for x in one.arrays) for one in found]
            for layer, rooms in zip(found, self.rooms, strict=True):
                for values, room in zip(layer.arrays, rooms, strict=True):
                    room[part] = values
            # Let go before the next are asked for.
            del found, layer, values
        return [Layer(*(room[: rows.stop - rows.start] for room in rooms)) for rooms in self.rooms]


def held_by(layers: list[Layer]) -> int:
    """Return how many numbers layers of one row hold."""
    return sum(array.size for layer in layers for array in layer.arrays)


def check_parts(jacobian: Any, jvp: Any, vjp: Any, factors: Any) -> None:
    """Refuse what does not make a Jacobian."""
    for name, part in (("jvp", jvp), ("vjp", vjp), ("factors", factors)):
        if part is not None and not callable(part):
            raise TypeError(f"{name} must be a callable or None, got {type(part).__name__}.")
    if jacobian is None and vjp is None and factors is None:
        raise ValueError(
            "There is nothing to make rows of the Jacobian of: give jacobian(X) -> (n, P), factors(X) -> a list of"
            " layers, or vjp(X, U) -> (P,); jvp alone has no rows."
        )
    if jacobian is not None and factors is not None:
        raise ValueError("jacobian and factors give the same rows: give one of them, factors where there are layers.")
    if jacobian is not None and not callable(jacobian) and not (jvp is None and vjp is None):
        raise ValueError("An array of the Jacobian needs no jvp or vjp: give them with a callable, or the array alone.")


def several(vjp: Callable[[Array, Array], Any], row: Array) -> tuple[Array, int] | None:
    """Return what a `vjp` of several outputs gives for zeros, and how many they are; None if it takes no number."""
    for c in range(2, OUTPUTS + 1):
        with suppress(*MISFITS):
            return numbers(vjp(row.copy(), np.zeros((1, c), row.dtype)), "vjp"), c
    return None


def stored(jacobian: Any) -> Array:
    """Return an array of the Jacobian as (n, c, P)."""
    J = numbers(jacobian, "The array jacobian")
    if J.ndim not in (2, 3):
        raise ValueError(f"The array jacobian has shape {J.shape}: it must be (n, P), or (n, c, P) for c outputs.")
    J = J.reshape(len(J), 1 if J.ndim == 2 else J.shape[1], J.shape[-1])
    counted(J.shape[1:])
    for rows in row_blocks(len(J), CALL_ROWS):
        if not np.isfinite(J[rows]).all():
            row = rows.start + int(np.argmin(np.isfinite(J[rows]).all(axis=(1, 2))))
            raise ValueError(f"The array jacobian has NaN or infinity in row {row}: drop it, or mend the model there.")
    return J


def counted(sizes: tuple[int, ...]) -> tuple[int, int]:
    """Return numbers of outputs and parameters; refuse a model without either."""
    c, p = sizes
    if c == 0 or p == 0:
        raise ValueError(
            f"The Jacobian has {c} outputs and {p} parameters: a model without either has no tangent kernel. Give one"
            " of width 1 at least."
        )
    return c, p


def same_part(one: Any, other: Any) -> bool:
    """Whether two parts of a kernel are the same object, or the same method of one."""
    if isinstance(one, MethodType) and isinstance(other, MethodType):
        return one.__self__ is other.__self__ and one.__func__ is other.__func__
    return one is other


def part_key(part: Any) -> tuple[int, int]:
    """Return what the same parts share."""
    return (id(part.__self__), id(part.__func__)) if isinstance(part, MethodType) else (id(part), 0)
