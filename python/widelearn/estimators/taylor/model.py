"""What a fit of a Taylor model leaves: a moved net and a linear part, in the units of rows and targets."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from widelearn.estimators.taylor.inputs import RowUnits, TargetUnits
from widelearn.estimators.taylor.net import TaylorNet

Array = NDArray[Any]


@dataclass(frozen=True)
class TaylorModel:
    """A net with its movement W (m, d), and coefficients (c, d) and intercepts (c,) of a linear part."""

    rows: RowUnits
    net: TaylorNet
    W: Array
    targets: TargetUnits
    coef: Array
    intercept: Array

    def values(self, X: Array) -> Array:
        """Return the mean network plus the linear part at rows in the user's units: (n, c)."""
        moved = self.net.outputs(self.rows.apply(X.astype(self.W.dtype, copy=False)), self.W)
        return moved * self.targets.scale.astype(moved.dtype) + (X @ self.coef.T + self.intercept)
