"""A graph of ONNX operators as it grows, and its values, with which formulas are written as for arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from widelearn.runtime import Array

# Operators of this number; and a file of ONNX holds less than so many bytes, some of which are names.
OPSET, IR = 18, 8
MOST = (1 << 31) - (1 << 24)
BOOL, INT64 = np.dtype(np.bool_), np.dtype(np.int64)


class Graph:
    """Nodes, and arrays that they read, in the order in which they were added."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.arrays: dict[str, Array] = {}
        self.bytes = 0
        self._scalars: dict[tuple[str, bytes], str] = {}
        self._count = 0

    def name(self, stem: str) -> str:
        """Return a name that nothing has yet."""
        self._count += 1
        return f"{stem.lower()}_{self._count}"

    def reserve(self, size: int, what: str) -> None:
        """Refuse arrays of so many bytes beside those that are there, before they are made."""
        if self.bytes + size > MOST:
            raise ValueError(
                f"{what} take {size} bytes, with the rest of the model {self.bytes + size}, and a file of ONNX holds"
                f" {MOST}. Take fewer components, centres or rows, or dtype='float32', and fit again; wl.save has no"
                " such limit."
            )

    def constant(self, array: Any, dtype: Any) -> Value:
        """Return an array as a value; numbers are kept once."""
        found = converted(np.asarray(array), np.dtype(dtype))
        key = (found.dtype.str, found.tobytes()) if found.ndim == 0 else None
        if key is not None and key in self._scalars:
            return Value(self, self._scalars[key], found.dtype)
        self.reserve(found.nbytes, f"Arrays of shape {found.shape}")
        self.bytes += found.nbytes
        name = self.name("array")
        self.arrays[name] = found
        if key is not None:
            self._scalars[key] = name
        return Value(self, name, found.dtype)

    def apply(self, op: str, *inputs: Value, dtype: Any = None, name: str | None = None, **attributes: Any) -> Value:
        """Add an operator of one output, by default of its first input's type."""
        return self.several(op, inputs, 1, dtype, name, **attributes)[0]

    def several(
        self, op: str, inputs: Any, count: int, dtype: Any = None, name: str | None = None, **attributes: Any
    ) -> list[Value]:
        """Add an operator of some outputs."""
        from onnx import helper

        names = [name] if name else [self.name(op) for _ in range(count)]
        # Nodes have names, which ONNX Runtime's own rewriting of graphs takes for different ones.
        self.nodes.append(helper.make_node(op, [one.name for one in inputs], names, self.name("node"), **attributes))
        kind = inputs[0].dtype if dtype is None else np.dtype(dtype)
        return [Value(self, one, kind) for one in names]


def converted(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return an array in a type, which its numbers must not be beyond."""
    with np.errstate(over="ignore"):
        found = array.astype(dtype, copy=False)
    if found.dtype.kind == "f" and array.dtype.kind == "f" and not (np.isfinite(found) == np.isfinite(array)).all():
        raise ValueError(f"A number of the model, {np.abs(array).max():.3g}, is beyond {dtype}: take dtype='float64'.")
    return found


class Value:
    """What a node gives; numbers and arrays beside it become arrays of its type."""

    __slots__ = ("dtype", "graph", "name")
    # Arrays must not take `array * value` apart.
    __array_ufunc__ = None

    def __init__(self, graph: Graph, name: str, dtype: Any) -> None:
        self.graph, self.name, self.dtype = graph, name, np.dtype(dtype)

    def like(self, other: Any) -> Value:
        """Return a number or array as a value of this one's type."""
        return other if isinstance(other, Value) else self.graph.constant(other, self.dtype)

    def op(self, op: str, *others: Any, dtype: Any = None, **attributes: Any) -> Value:
        """Return what an operator makes of this value and others."""
        return self.graph.apply(op, self, *map(self.like, others), dtype=dtype, **attributes)

    def __add__(self, other: Any) -> Value:
        return self.op("Sum" if self.taken_for(0.0, other) else "Add", other)

    def __radd__(self, other: Any) -> Value:
        return self.like(other).op("Sum" if self.taken_for(0.0, other) else "Add", self)

    def __sub__(self, other: Any) -> Value:
        return self.op("Sum", -other) if self.taken_for(0.0, other) else self.op("Sub", other)

    def __rsub__(self, other: Any) -> Value:
        return self.like(other).op("Sub", self)

    def __mul__(self, other: Any) -> Value:
        return (self * (2.0 * other)).op("Mul", 0.5) if self.taken_for(1.0, other) else self.op("Mul", other)

    def __rmul__(self, other: Any) -> Value:
        return self * other if self.taken_for(1.0, other) else self.like(other).op("Mul", self)

    def __truediv__(self, other: Any) -> Value:
        return (self / (2.0 * other)).op("Mul", 2.0) if self.taken_for(1.0, other) else self.op("Div", other)

    def __rtruediv__(self, other: Any) -> Value:
        return self.like(other).op("Div", self)

    def taken_for(self, number: float, other: Any) -> bool:
        """Whether ONNX Runtime would leave out what is done with a single double, which is near 0 or 1.

        It compares constants in single precision with what changes nothing.
        """
        if isinstance(other, Value) or np.size(other) != 1 or self.dtype != np.float64:
            return False
        exact = float(np.reshape(other, ()))
        with np.errstate(over="ignore"):
            return exact != number and np.float32(exact) == np.float32(number)

    def __matmul__(self, other: Any) -> Value:
        return self.op("MatMul", other)

    def __neg__(self) -> Value:
        return self.op("Neg")

    def __pow__(self, power: int) -> Value:
        """Return a whole power, by squares."""
        if power < 1:
            return (self * 0.0) + 1.0
        half = self if power < 4 else self ** (power // 2)
        if power == 1:
            return self
        if power in (2, 3):
            return self * self if power == 2 else self * self * self
        square = half * half
        return square * self if power % 2 else square

    def exp(self) -> Value:
        """Return the exponential."""
        return self.op("Exp")

    def sqrt(self) -> Value:
        """Return the square root; of what rounding has made negative 0."""
        return self.at_least(0.0).op("Sqrt")

    def abs(self) -> Value:
        """Return the absolute value."""
        return self.op("Abs")

    def at_least(self, bound: Any) -> Value:
        """Return the larger of this value and a bound."""
        return self.op("Max", bound)

    def at_most(self, bound: Any) -> Value:
        """Return the smaller of this value and a bound."""
        return self.op("Min", bound)

    def less(self, other: Any) -> Value:
        """Return where this value is less than another."""
        return self.op("Less", other, dtype=BOOL)

    def greater(self, other: Any) -> Value:
        """Return where this value is greater than another."""
        return self.op("Greater", other, dtype=BOOL)

    def where(self, one: Any, other: Any) -> Value:
        """Return one value where this one is true, and the other elsewhere; one of them is a value."""
        if not isinstance(one, Value):
            one = other.like(one)
        return self.graph.apply("Where", self, one, one.like(other), dtype=one.dtype)

    def sum(self, axis: int = 1, *, keep: bool = True) -> Value:
        """Return sums over an axis."""
        axes = self.graph.constant(np.array([axis]), INT64)
        return self.graph.apply("ReduceSum", self, axes, keepdims=int(keep))

    def to(self, dtype: Any) -> Value:
        """Return this value as another type."""
        kind = np.dtype(dtype)
        if kind == self.dtype:
            return self
        from onnx import helper

        return self.op("Cast", dtype=kind, to=helper.np_dtype_to_tensor_dtype(kind))

    def turned(self) -> Value:
        """Return a matrix with its axes exchanged."""
        return self.op("Transpose", perm=[1, 0])

    def reshaped(self, *shape: int) -> Value:
        """Return this value in another shape, in which 0 keeps an axis."""
        return self.graph.apply("Reshape", self, self.graph.constant(np.array(shape), INT64))

    def squeezed(self) -> Value:
        """Return a matrix of one column without the axis of columns."""
        return self.graph.apply("Squeeze", self, self.graph.constant(np.array([1]), INT64))

    def taken(self, places: Value, axis: int = 0) -> Value:
        """Return what is at some places of an axis."""
        return self.graph.apply("Gather", self, places, axis=axis)
