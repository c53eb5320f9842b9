"""The tangent kernel of any model, from its Jacobian."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator

from widelearn.kernels.base import Kernel
from widelearn.kernels.jacobians import Jacobian, part_key, same_part
from widelearn.kernels.operators import KernelOperator
from widelearn.kernels.tangents import TangentGram
from widelearn.runtime import Array

OUTPUTS = ("trace", "diagonal", "full")


@dataclass(eq=False, repr=False)
class Empirical(Kernel):
    """Take the inner products of a model's gradients: k(x, x') = J(x) J(x')ᵀ, J the Jacobian by its parameters.

    It is the tangent kernel of a net of any kind at the weights it has, at its start or trained: kernel ridge
    regression with it trains the linearised net. J is asked for in blocks of rows and never held whole; products
    K V take J (Jᵀ V), and form no K either. Nothing is divided by the numbers of outputs or parameters: the default of
    neural-tangents' ``empirical_ntk_fn``, a mean over c outputs, is K / c.

    Parameters
    ----------
    jacobian : callable or array of shape (n, P) or (n, c, P), default=None
        A function of rows (b, d) that returns ∂f_k(x_i)/∂θ_p, of shape (b, P), or (b, c, P) for c outputs. An array
        serves the rows that it was computed at alone: all of them come first, others are refused.
    jvp : callable, default=None
        Together with `vjp`: ``jvp(X, theta)``, J θ of shape (b, c) for θ (P,). Products K V then ask for no Jacobian.
    vjp : callable, default=None
        ``vjp(X, U)``, Jᵀ U of shape (P,) for U (b, c). Without `jacobian` rows of J are made by it, one by one.
    factors : callable, default=None
        In place of `jacobian`: a function of rows (b, d) that returns a list of layers, as the notes say.
    outputs : {"trace", "diagonal", "full"}, default="trace"
        Of several outputs: "trace" is their sum, K (n, m). "full" is K (n c, m c), row by row, then output. "diagonal"
        is the same with zeros between different outputs.

    Raises
    ------
    ValueError
        If the Jacobian or a layer is of other rows, changes its shape between calls, has no parameters, or is complex,
        NaN or infinite. What a callable raises passes.
    MemoryError
        If two rows of the Jacobian do not fit.

    See Also
    --------
    widelearn.linearize : Ridge regression about the model's own outputs, with the movement of its parameters.
    widelearn.nets.TangentKernel : The same of our two-layer nets, in the core and without a Jacobian.
    NTK : The limit of infinite width.

    Notes
    -----
    A Gram matrix costs n² c P flops ("full": n² c² P), and about n + n²/(2 r) rows of the Jacobian, r = 600 MiB / (8 c
    P) rows being kept while others pass; it holds 700 MiB beside the matrix, and what the callable holds for 31 MiB of
    rows, or for 1.
    A product with t columns costs 4 n c P t flops and two passes over the rows.

    A layer that multiplies a (in,) by a matrix W (out, in) is a tuple (delta, a) in the list of `factors`. delta (b, c,
    out) are the outputs' derivatives by W a, and a (b, in) what W multiplies. Its part of the kernel is a product of
    two small ones: n² (c out + in) flops, in place of n² c out in. Where W multiplies at T places, as a convolution
    does, they are (b, c, T, out) and (b, T, in); a matrix that is used twice is one layer of T = 2. T² as many flops
    are spent, or J is formed in parts of 8 MiB, whichever is less. A bias is a column of ones in a. Other parameters
    are an array (b, c, P). The axis of one output may be left out. Parameters come layer by layer, W row by row. Of
    PyTorch::

        def factors(X):
            kept = []
            linear = [part for part in net.modules() if isinstance(part, nn.Linear | nn.Conv2d)]
            hooks = [
                part.register_forward_hook(lambda *call: kept.append(call)) for part in linear
            ]
            f = net(torch.from_numpy(X)).flatten(1)
            for hook in hooks:
                hook.remove()
            outs = [out for *_, out in kept]
            slopes = [torch.autograd.grad(f_k.sum(), outs, retain_graph=True) for f_k in f.T]
            layers = []
            for (part, (a,), _), *delta in zip(kept, *slopes):
                delta = torch.stack(delta, 1)
                if isinstance(part, nn.Conv2d):
                    a = nn.functional.unfold(
                        a, part.kernel_size, part.dilation, part.padding, part.stride
                    ).mT
                    delta = delta.flatten(3).mT
                if part.bias is not None:
                    a = torch.cat([a, torch.ones_like(a[..., :1])], -1)
                layers.append((delta.numpy(), a.detach().numpy()))
            return layers

    float64 rows are summed in float64
    whatever the Jacobian is; of float32 rows and Jacobians products of 2,048 parameters are summed in float32, and
    these sums in float64. Values of equal rows agree with ``diag`` to rounding errors. Two kernels are equal if they
    hold the same callables or the same array.

    References
    ----------
    Jacot, Gabriel & Hongler, "Neural tangent kernel", NeurIPS 2018, section 4. Novak, Sohl-Dickstein & Schoenholz,
    "Fast finite width neural tangent kernel", ICML 2022, section 3 (contraction of Jacobians, products, and structured
    derivatives, which `factors` are).

    Examples
    --------
    The model f(x) = sin(θ₁ x) + θ₂ x at θ = (1, 0):

    >>> import numpy as np
    >>> from widelearn.kernels import Empirical
    >>> def jacobian(X):
    ...     return np.hstack([X * np.cos(X), X])
    >>> kernel = Empirical(jacobian)
    >>> X = np.array([[0.0], [1.0], [2.0]])
    >>> np.round(kernel(X), 3)
    array([[0.   , 0.   , 0.   ],
           [0.   , 1.292, 1.55 ],
           [0.   , 1.55 , 4.693]])
    >>> np.round(kernel.dot(X, None, np.ones(3)), 3)
    array([0.   , 2.842, 6.243])

    The net f(x) = a tanh(W x) by factors: the layer W, and a, whose derivatives are no matrix's.

    >>> W, a = np.array([[1.0, 2.0], [0.5, -1.0], [0.0, 1.0]]), np.array([1.0, -2.0, 0.5])
    >>> def factors(X):
    ...     H = np.tanh(X @ W.T)
    ...     return [(a * (1 - H**2), X), H]
    >>> np.round(Empirical(factors=factors)(np.eye(2)), 3)
    array([[3.694, 0.382],
           [0.382, 2.844]])
    """

    jacobian: Any = None
    _: KW_ONLY
    jvp: Any = None
    vjp: Any = None
    factors: Any = None
    outputs: str = "trace"
    compiled, _columns_alike = False, False

    def values_per_row(self, X: ArrayLike) -> int:
        """Return how many values a row has: 1, or with "diagonal" and "full" the number of outputs."""
        return 1 if self._kind() == "trace" else self.read().sizes(np.atleast_2d(np.asarray(X)))[0]

    def operator(self, X: ArrayLike) -> KernelOperator:
        """Return K(X, X) as a linear operator that is never formed."""
        operator = OutputsOperator(self, X)
        return operator if operator.each > 1 else KernelOperator(self, X)

    def read(self) -> Jacobian:
        """Return what reads the Jacobian; it remembers the sizes that it has met, and an array's rows."""
        parts = self._parts()
        reader = vars(self).get("_reader")
        if reader is None or not all(map(same_part, parts, reader.parts)):
            reader = vars(self)["_reader"] = Jacobian(*parts)
        return reader

    def _parts(self) -> tuple[Any, ...]:
        return self.jacobian, self.jvp, self.vjp, self.factors

    def _kind(self) -> str:
        if self.outputs not in OUTPUTS:
            raise ValueError(f"outputs must be one of {', '.join(OUTPUTS)}, got {self.outputs!r}.")
        return self.outputs

    def _on(self, x: Array, y: Array | None = None) -> TangentGram:
        return TangentGram(self.read(), self._kind(), x, y)

    def _check_values(self, x: Array, name: str) -> None:
        """Leave rows to the products, which find what is not finite without asking for the Jacobian once more."""

    def _own_gram(self, x: Array, y: Array | None, out: Array) -> None:
        self._on(x, y).write(out)

    def _own_diag(self, x: Array, out: Array) -> None:
        self._on(x).write_diagonal(out)

    def _own_dot(self, x: Array, y: Array | None, v: Array, out: Array) -> None:
        self._on(x, y).multiply(v, out)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Empirical):
            return NotImplemented
        return self.outputs == other.outputs and all(map(same_part, self._parts(), other._parts()))

    def __hash__(self) -> int:
        return hash((Empirical, self.outputs, *map(part_key, self._parts())))

    def __sklearn_clone__(self) -> Self:
        # Callables and arrays are shared: a copy of an array would be another kernel, and as large.
        return type(self)(self.jacobian, jvp=self.jvp, vjp=self.vjp, factors=self.factors, outputs=self.outputs)


class OutputsOperator(KernelOperator):
    """K(X, X) with a row for every row and output."""

    def __init__(self, kernel: Empirical, x: ArrayLike) -> None:
        super().__init__(kernel, x)
        self.each = kernel.values_per_row(self.x)
        size = len(self.x) * self.each
        LinearOperator.__init__(self, self.x.dtype, (size, size))  # type: ignore[call-arg]

    def columns(self, indices: ArrayLike) -> Array:
        """Return the columns at `indices`, of shape (n c, len(indices))."""
        return self._cut(self.x, indices)

    def entries(self, rows: ArrayLike, columns: ArrayLike) -> Array:
        """Return the entries where `rows` and `columns` cross."""
        wanted, places = self._needed(rows)
        return self._cut(wanted, columns)[places]

    def _cut(self, x: Array, indices: ArrayLike) -> Array:
        rows, places = self._needed(indices)
        return np.asarray(self.kernel(x, rows))[:, places]

    def _needed(self, indices: ArrayLike) -> tuple[Array, Array]:
        """Return the rows that places of the matrix are of, and where the places are among those rows' outputs."""
        places = np.arange(self.shape[0])[self._places(indices)].ravel()
        rows, back = np.unique(places // self.each, return_inverse=True)
        return self.x[rows], back * self.each + places % self.each


def check_one_value(kernel: Kernel, X: Array) -> None:
    """Refuse a kernel that tells the outputs of a model apart, where every row has one value."""
    each = kernel.values_per_row(X)
    if each > 1:
        raise ValueError(
            f"The kernel has {each} values a row, one for each output, and one is asked for: sum them by"
            ' outputs="trace", or take linearize(f0, jacobian), which fits all outputs together.'
        )
