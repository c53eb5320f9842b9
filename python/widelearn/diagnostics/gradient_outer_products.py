"""How far a trained first layer points where the outputs change: its Gram matrix beside the mean outer gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelearn.diagnostics.net_paths import rows_of
from widelearn.diagnostics.net_starts import check_two_layer
from widelearn.nets import TwoLayer
from widelearn.runtime import check_memory, in_range, row_blocks

Array = NDArray[np.float64]

# Values of neurons at the rows of a block.
BLOCK = 1 << 22


@dataclass(frozen=True, eq=False)
class Alignment:
    """Hold the Gram matrix of a first layer, the mean outer product of gradients, and how alike they are.

    Parameters
    ----------
    feature_matrix : ndarray of shape (d, d)
        WᵀW, in the model's columns.
    gradient_matrix : ndarray of shape (d, d)
        (1/n) Σ_i Σ_o ∇f_o(x_i) ∇f_o(x_i)ᵀ, in the same columns.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import Alignment
    >>> found = Alignment(np.diag([4.0, 1.0]), np.diag([2.0, 0.0]))
    >>> round(found.cosine, 3), round(found.ranks()["gradients"]["effective"], 3)
    (0.97, 1.0)
    """

    feature_matrix: Array
    gradient_matrix: Array

    @property
    def cosine(self) -> float:
        """<A, B>/(‖A‖ ‖B‖) of the two matrices, in [0, 1]; NaN where one is zero."""
        return _cosine(self.feature_matrix, self.gradient_matrix)

    @property
    def root_cosine(self) -> float:
        """The same with the root of the gradients' matrix."""
        return _cosine(self.feature_matrix, _root(self.gradient_matrix))

    @property
    def correlation(self) -> float:
        """The correlation of all entries; NaN where those of a matrix are equal."""
        return _cosine(*(part - part.mean() for part in (self.feature_matrix, self.gradient_matrix)))

    def ranks(self) -> dict[str, dict[str, float]]:
        """Return for W ("features") and for the root of the gradients' matrix ("gradients") three kinds of rank.

        With singular values s: "effective" exp(-Σ p log p), p = s/Σs; "stable" Σs²/max s²; "participation" (Σs²)²/Σs⁴.
        """
        matrices = {"features": self.feature_matrix, "gradients": self.gradient_matrix}
        return {name: _ranks(np.asarray(np.linalg.eigvalsh(A), dtype=np.float64)) for name, A in matrices.items()}

    def plot(self) -> Any:
        """Return a Matplotlib figure: eigenvalues of both matrices, largest first, over the largest."""
        rows = []
        for name, A in (("features WᵀW", self.feature_matrix), ("gradients", self.gradient_matrix)):
            values = np.linalg.eigvalsh(A)[::-1].clip(min=0.0)
            values = values / (values[0] or 1.0)
            rows += [
                {"x": float(k), "theory": None, "simulation": float(v), "se": None, "series": name}
                for k, v in enumerate(values, 1)
                if v > 0
            ]
        from widelearn import plots

        panel = {"rows": rows, "xlabel": "number of the eigenvalue", "ylabel": "eigenvalue over the largest"}
        title = f"Features and gradients: cosine {self.cosine:.3f}"
        return plots.study([panel | {"xscale": "log", "yscale": "log"}], title)


@in_range
def alignment(model: Any, X: ArrayLike) -> Alignment:
    """Compare where a trained two-layer net looks, WᵀW, with where its outputs change, the mean outer gradient.

    In columns as the model scales them, f(x) = Σ_r a_r σ(<w_r, x> - b_r) has ∇f(x) = Σ_r a_r σ'(<w_r, x> - b_r) w_r.

    Parameters
    ----------
    model : TwoLayerRegressor or TwoLayerClassifier
        A fitted estimator.
    X : array-like of shape (n, d)
        Rows that gradients are averaged over.

    Returns
    -------
    Alignment
        Both matrices, their cosine and correlation, ranks; ``plot()`` draws their eigenvalues.

    Raises
    ------
    ValueError
        If rows do not fit the model or are not finite.
    TypeError
        If the model is not a fitted two-layer estimator.
    MemoryError
        If the d x d matrices do not fit.

    Notes
    -----
    Costs n (m d c + d² c) multiplications for m neurons and c outputs, and blocks of rows. That both are proportional
    after training is observed, not proved (the ansatz of neural features). Source: Radhakrishnan, Beaglehole, Pandit &
    Belkin, "Mechanism for feature learning in neural networks", Science 383, 2024.

    Examples
    --------
    >>> from widelearn import TwoLayerClassifier
    >>> from widelearn.datasets import parity
    >>> from widelearn.diagnostics import alignment
    >>> data = parity(700, 30, 2, random_state=0)
    >>> early, late = (
    ...     TwoLayerClassifier.preset("parity", max_iter=steps, random_state=0).fit(
    ...         data.X, data.y
    ...     )
    ...     for steps in (1, 300)
    ... )
    >>> alignment(early, data.X).cosine < 0.8, alignment(late, data.X).cosine > 0.95
    (True, True)
    """
    check_two_layer(model)
    W, b, a = (np.asarray(part, dtype=float) for part in (model.W_, model.b_, model.a_))
    net, d = TwoLayer(W, b, a, model.activation, smoothing=model.smoothing), W.shape[1]
    rows = rows_of("X", X, d)
    check_memory(4 * 8 * d * d, f"Matrices of {d} columns", "Give rows of fewer columns.")
    total = np.zeros((d, d))
    for part in row_blocks(len(rows), max(1, BLOCK // max(W.shape))):
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = np.ascontiguousarray((rows[part] - model.x_offset_) / model.x_scale_)
        if not np.isfinite(scaled).all():
            raise ValueError("X overflows when it is scaled as in the fit: give rows like those of the fit.")
        slopes = net.slopes(scaled)
        for weights in a.T:
            gradients = (slopes * weights) @ W
            total += gradients.T @ gradients
    return Alignment(W.T @ W, total / len(rows))


def _cosine(A: Array, B: Array) -> float:
    """Return the cosine of two matrices as vectors."""
    A, B = (part / (np.abs(part).max(initial=0.0) or 1.0) for part in (A, B))
    sizes = float(np.linalg.norm(A) * np.linalg.norm(B))
    return float(np.sum(A * B)) / sizes if sizes > 0 else float("nan")


def _root(A: Array) -> Array:
    """Return the root of a positive semidefinite matrix."""
    values, vectors = np.linalg.eigh(A)
    return np.asarray((vectors * np.sqrt(values.clip(min=0.0))) @ vectors.T)


def _ranks(squares: Array) -> dict[str, float]:
    """Return three ranks by squared singular values."""
    squares = squares.clip(min=0.0)
    if not squares.max(initial=0.0) > 0:
        return {"effective": 0.0, "stable": 0.0, "participation": 0.0}
    squares = squares / squares.max()
    shares = np.sqrt(squares) / np.sqrt(squares).sum()
    shares = shares[shares > 0]
    return {
        "effective": float(np.exp(-np.sum(shares * np.log(shares)))),
        "stable": float(squares.sum()),
        "participation": float(squares.sum() ** 2 / np.sum(squares**2)),
    }
