"""Types of the compiled core. Arrays are C-contiguous, aligned and native; all arrays of one call share one dtype."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from widelearn.kernels.specs import Features, Kernel

# One of float32 or float64 throughout a call.
Array: TypeAlias = NDArray[np.float32] | NDArray[np.float64]

__version__: str

# A call refuses with ValueError, or one of these two; TypeError says that an array is not what it must be, MemoryError
# that room is lacking, numpy.linalg.LinAlgError that a matrix is not positive definite.
class NoDerivativeError(ValueError):
    """Say that a derivative of an activation is no function, and which are."""

class NumberOverflowError(ValueError):
    """Say which squared norm or output is beyond the largest number of its type."""

def simd() -> str: ...
def simd_available() -> list[str]: ...
def num_threads() -> tuple[int, str]: ...
def set_num_threads(k: int) -> None: ...
def philox4x32(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]: ...
def normals(out: Array, seed: int, purpose: int, row_start: int = 0) -> None: ...
def gram(kernel: Kernel, x: Array, y: Array | None, out: Array) -> None: ...
def gram_diag(kernel: Kernel, x: Array, out: Array) -> None: ...
def gram_dot(kernel: Kernel, x: Array, y: Array | None, v: Array, out: Array) -> None: ...
def inner_products(x: Array, shift: Array, out: NDArray[np.float64]) -> None: ...
def feature_weights(features: Features, d: int, out: Array) -> None: ...
def transform(features: Features, x: Array, out: Array) -> None: ...
def transform_sparse(
    features: Features, indptr: NDArray[np.int64], indices: NDArray[np.int64], values: Array, d: int, out: Array
) -> None: ...
def predict(features: Features, x: Array, coef: Array, out: Array) -> None: ...
def moments(
    features: Features | None,
    x: Array,
    y: NDArray[np.float64],
    sample_weight: NDArray[np.float64] | None,
    shift_z: NDArray[np.float64],
    shift_y: NDArray[np.float64],
    zz: NDArray[np.float64],
    zy: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> None: ...
def cholesky(a: Array) -> None: ...
def cholesky_solve(
    a: Array, b: Array, ridge: NDArray[np.float64] | float, *, refine: bool = True
) -> tuple[float, float]: ...
def extend_factor(
    panels: list[Array],
    at: int,
    fresh: Array,
    chosen: NDArray[np.int64],
    l: Array,
    u: NDArray[np.float64],
) -> None: ...

# Two-layer nets; an activation is (name, parameter, standard deviation of the noise integrated out).
Activation: TypeAlias = tuple[str, float, float]

def net_forward(x: Array, w: Array, b: Array, a: Array, activation: Activation, out: Array) -> None: ...
def net_hidden(x: Array, w: Array, b: Array, activation: Activation, slopes: bool, out: Array) -> None: ...
def net_loss(f: Array, y: Array, loss: str, weight: NDArray[np.float64], residual: Array) -> float: ...
def net_gradient(
    x: Array,
    y: Array,
    w: Array,
    b: Array,
    a: Array,
    activation: Activation,
    loss: str,
    weight: NDArray[np.float64],
    by_w: Array,
    by_b: Array,
    by_a: Array,
) -> float: ...
def net_simplified(x: Array, y: Array, w: Array, b: Array, weight: NDArray[np.float64], out: Array) -> None: ...
def tangent_product(x: Array, w: Array, b: Array, a: Array, activation: Activation, v: Array, out: Array) -> None: ...
def tangent_transpose(x: Array, w: Array, b: Array, a: Array, activation: Activation, r: Array, out: Array) -> None: ...
def taylor_terms(
    x: Array,
    w0: Array,
    a: Array,
    w: Array,
    activation: Activation,
    orders: list[int],
    each: bool,
    offset: Array | None,
    out: Array,
) -> None: ...
def taylor_gradient(
    x: Array,
    y: Array,
    w0: Array,
    a: Array,
    w: Array,
    activation: Activation,
    orders: list[int],
    loss: str,
    offset: Array | None,
    weight: NDArray[np.float64],
    by_w: Array,
    residual: Array,
) -> float: ...
def taylor_hessian(
    x: Array,
    y: Array,
    w0: Array,
    a: Array,
    w: Array,
    v: Array,
    activation: Activation,
    orders: list[int],
    loss: str,
    offset: Array | None,
    weight: NDArray[np.float64],
    out: Array,
) -> None: ...
def signs_forward(
    x: Array, w0: Array, a: Array, w: Array, activation: Activation, mean: Array, variance: Array
) -> None: ...
def signs_gradient(
    x: Array,
    y: Array,
    w0: Array,
    a: Array,
    w: Array,
    activation: Activation,
    loss: str,
    nodes: NDArray[np.float64],
    node_weights: NDArray[np.float64],
    offset: Array | None,
    weight: NDArray[np.float64],
    by_w: Array,
    residual: Array,
) -> float: ...
