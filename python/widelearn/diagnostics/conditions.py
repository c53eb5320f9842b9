"""The sufficient condition for lazy training, its numbers, and the theorem's statements along a path."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from widelearn.diagnostics.lipschitz import lipschitz_bound, steepest_change
from widelearn.diagnostics.net_paths import BoundNets, NetPath
from widelearn.diagnostics.snapshots import BoundSnapshots, Snapshots
from widelearn.theory import LazyCondition, lazy_condition

Array = NDArray[np.float64]

# Share of its size that a path of no length is measured over.
SMALL = 1e-3


class Sufficient:
    """Find σ_min, L and whether 4 L r < σ_min², and compare a path with what the theorem then claims."""

    def __init__(
        self,
        bound: BoundNets | BoundSnapshots,
        kernel: Array,
        residual: Array | None,
        moves: tuple[Array, Array],
        given: float | None,
    ) -> None:
        self.residual, (self.distance, self.change) = residual, moves
        self.rows = len(bound.rows[0])
        self.sigma = smallest_singular_value(kernel, bound.parameters)
        self.lipschitz: float | None = None
        self.source: str | None = None
        self.found: LazyCondition | None = None
        self.estimate = self._estimated(bound, search=given is None)
        if given is not None:
            self.lipschitz, self.source = float(given), "given"
        elif isinstance(bound, BoundNets) and residual is not None and self.sigma > 0:
            proven = lipschitz_bound(bound, 2 * float(residual[0]) / self.sigma)
            if np.isfinite(proven):
                self.lipschitz, self.source = proven, "bound"
        if self.lipschitz is None:
            self.lipschitz, self.source = self.estimate, "estimate"
        if residual is not None and self.sigma > 0:
            self.found = lazy_condition(self.sigma, self.lipschitz, float(residual[0]))

    def _estimated(self, bound: BoundNets | BoundSnapshots, search: bool) -> float:
        """Return the largest change of the Jacobian over a distance, along the path and perhaps by a search."""
        moved = self.distance > 0
        secants = self.change[moved] / self.distance[moved]
        best = float(secants.max(initial=0.0))
        length = float(self.distance.max()) or SMALL * (bound.size() or 1.0)
        if search and (isinstance(bound, BoundNets) or bound.movable):
            last = bound.outputs(len(bound) - 1, 0) - bound.outputs(0, 0)
            best = max(best, steepest_change(bound, last if last.any() else np.ones_like(last), length))
        return best

    def statements(self, path: NetPath | Snapshots) -> dict[str, Array] | None:
        """Return what was measured over the theorem's bounds; None where the condition does not hold."""
        found = self.found
        if found is None or not found.holds or self.residual is None:
            return None
        ratios = {
            "distance": _share(self.distance, np.full(len(self.distance), found.distance)),
            "jacobian": _share(self.change, np.full(len(self.change), found.jacobian_change)),
        }
        if path.times is not None:
            times = path.times * (1.0 if path.learning_rate is None else path.learning_rate)
            falls = np.exp(-found.rate * times / (2 * self.rows))
            ratios["residual"] = _share(self.residual, self.residual[0] * falls)
        return ratios


def _share(values: Array, bounds: Array) -> Array:
    """Return values over bounds; 0 where both are 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(values == 0, 0.0, values / bounds)


def smallest_singular_value(kernel: Array, parameters: int) -> float:
    """Return σ_min of a Jacobian whose products of rows are `kernel`; 0 where rounding could hide a null direction."""
    if parameters < len(kernel):
        return 0.0
    values = np.linalg.eigvalsh(kernel)
    floor = len(kernel) * np.finfo(float).eps * float(values[-1])
    return float(np.sqrt(values[0])) if values[0] > floor else 0.0
