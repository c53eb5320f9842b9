"""What fits say of rows that they have not seen, where no row is left out in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from widelearn.estimators.units import Units
from widelearn.runtime import Array


@dataclass(frozen=True, eq=False)
class HeldOutValues:
    """What fits that have not seen some rows say of them: values and targets (n, t), and weights, None where all are 1.

    It stands for the posterior of a model that has none, and takes no part of a row out of the fit.
    """

    values: Array
    targets: Array
    weight: Array | None

    @property
    def sizes(self) -> Array:
        """The sizes of errors (n, t), each target's in their order."""
        return np.sort(np.abs(self.targets - self.values), axis=0)

    def in_original(self, units: Units) -> HeldOutValues:
        """Return them in the user's units."""
        values, targets = (units.original(part, "The targets") for part in (self.values, self.targets))
        weight = None if self.weight is None else np.ldexp(self.weight, units.weight)
        return HeldOutValues(values, targets, weight)
