"""How fast a Jacobian can change with the parameters: a proven bound for two-layer nets, estimates for any model."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from widelearn.diagnostics.net_paths import VALUES, BoundNets
from widelearn.nets import TwoLayer
from widelearn.runtime import row_blocks

Array = NDArray[np.float64]

# Where named activations bend most, and the distance of the points that are looked at.
INNER, STEP = 50.0, 2e-3
# Suprema over points are raised by this share, which covers what lies between them.
SLACK = 1.001
ROUNDS = 4


class Moved(Protocol):
    """A path whose Jacobian is known around its start."""

    def gradient(self, u: Array) -> list[Array]:
        """Return J_0' u."""

    def change_at(self, direction: list[Array], length: float) -> Array:
        """Return (J - J_0)(J - J_0)' for J at θ_0 + length · direction."""

    def pulled(self, direction: list[Array], length: float, u: Array) -> list[Array]:
        """Return (J - J_0)' u there."""


def largest_eigenvalue(gram: Array) -> tuple[float, Array]:
    """Return the largest eigenvalue of a positive semidefinite matrix, and its eigenvector."""
    last = len(gram) - 1
    values, vectors = scipy.linalg.eigh(gram, subset_by_index=[last, last])
    return max(float(values[0]), 0.0), vectors[:, 0]


def steepest_change(path: Moved, u: Array, length: float) -> float:
    """Return the largest ‖J(θ_0 + h v) - J(θ_0)‖/h that is found for unit vectors v: a bound of L from below.

    Alternation between the direction in parameters and that in outputs, each the best for the other: it starts from
    the gradient of the outputs `u`.
    """
    direction, best = _unit(path.gradient(u)), 0.0
    for _ in range(ROUNDS):
        if direction is None:
            break
        value, vector = largest_eigenvalue(path.change_at(direction, length))
        best = max(best, float(np.sqrt(value)) / length)
        direction = _unit(path.pulled(direction, length, vector))
    return best


def _unit(parts: list[Array]) -> list[Array] | None:
    """Return parts of a vector divided by its length; None if it is 0."""
    size = float(np.sqrt(sum(np.sum(part**2) for part in parts)))
    return [part / size for part in parts] if size > 0 else None


def lipschitz_bound(path: BoundNets, radius: float) -> float:
    """Return L with ‖J(θ) - J(θ')‖ <= L ‖θ - θ'‖ for all θ, θ' within a radius of the start; infinite if σ' jumps.

    With X̃ the trained inputs (x for W, -1 for b), ρ its longest row, M_1 and M_2 the suprema of |σ'| and |σ''| over the
    pre-activations that the ball allows, A = ‖X̃‖ ρ M_2 max_r ‖a_r‖ and C = ‖X̃‖ M_1: A where a is held, else A/2 +
    √(A²/4 + C²), ‖a_r‖ at its largest in the ball. A derivative of J along (v, v_a) has for outputs u the parts X̃'(σ''
    ∘ X̃v_r) U a_r + X̃'(σ'_r ∘ U v_ar) and U'(σ'_r ∘ X̃ v_r): norms multiply.
    """
    net, X, trained = path.start, path.rows[0], path.path.trained
    columns = [X] if "W" in trained else []
    if "b" in trained:
        columns.append(-np.ones((len(X), 1)))
    if not columns:
        return 0.0
    inputs = np.hstack(columns)
    spread, longest = float(np.linalg.norm(inputs, 2)), float(np.linalg.norm(inputs, axis=1).max())
    moves_a = "a" in trained
    blocks = row_blocks(len(net.b), max(1, VALUES // len(X)))
    reach = max(float(np.abs(X @ net.W[part].T - net.b[part]).max()) for part in blocks) + radius * longest
    first, second = suprema(net, reach)
    size = float(np.linalg.norm(net.a, axis=1).max()) + (radius if moves_a else 0.0)
    bend = spread * longest * second * size
    cross = spread * first if moves_a else 0.0
    return path.path.scale * float(bend / 2 + np.hypot(bend / 2, cross))


def suprema(net: TwoLayer, reach: float) -> tuple[float, float]:
    """Return the suprema of |σ'| and of the slopes of σ' for arguments up to `reach`, by values at many points.

    Slopes of σ' that grow as points draw nearer are those of a jump: then the second is infinite.
    """
    one = np.ones((1, 1))
    neuron = TwoLayer(one, np.zeros(1), one, net.activation, smoothing=net.smoothing)

    def steepest(step: float) -> tuple[float, float]:
        inner = np.arange(-min(INNER, reach), min(INNER, reach) + step, step)
        outer = np.geomspace(INNER, reach, 4001) if reach > INNER else np.zeros(0)
        z = np.concatenate([-outer[::-1], inner, outer])
        slopes, gaps = neuron.slopes(z[:, None])[:, 0], np.diff(z)
        if not np.isfinite(slopes).all():
            return np.inf, np.inf
        return float(np.abs(slopes).max()), float((np.abs(np.diff(slopes)) / np.where(gaps > 0, gaps, np.inf)).max())

    (first, coarse), (_, fine) = steepest(STEP), steepest(STEP / 4)
    jumps = not np.isfinite(fine) or fine > 2 * coarse
    return SLACK * first, np.inf if jumps else SLACK * max(coarse, fine)
