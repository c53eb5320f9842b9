"""A flow that was fitted: its values at the time that was chosen, and at any other."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from widelearn.estimators.flow.outputs import Start
from widelearn.estimators.flow.problem import Model
from widelearn.estimators.flow.schedule import Schedule
from widelearn.estimators.flow.spectrum import Spectrum
from widelearn.runtime import Array, check_memory


@dataclass(frozen=True, eq=False)
class FlowModel:
    """The spectrum of the rows that were fitted, what turns it into functions, and the function at one time.

    `flat` says that there is one target and no targets' axis.
    """

    source: Any
    spectrum: Spectrum
    schedule: Schedule
    fixed: Model
    flat: bool
    # Where a linearised model starts; all others start at zero.
    start: Start | None = None

    @classmethod
    def at_time(cls, source: Any, spectrum: Spectrum, schedule: Schedule, time: float, **shown: Any) -> Self:
        """Return the model of one time."""
        learned = schedule.learned(spectrum.rates, np.array([time]))
        return cls(source, spectrum, schedule, source.model(spectrum, learned), **shown)

    def values(self, X: Array) -> Array:
        """Return the values (m, t) at rows at the one time."""
        return self._moved(X, self.fixed.values(X))

    def path(self, X: Array, times: Array) -> Array:
        """Return the values (T, m, t) at rows at many times."""
        m, t = X.shape[0], self.source.outputs * len(self.spectrum.mean)
        check_memory(16 * m * t * len(times), f"The values of {m} rows at {len(times)} times", "Ask for fewer at once.")
        learned = self.schedule.learned(self.spectrum.rates, times)
        values = self.source.model(self.spectrum, learned).values(X).reshape(m, len(times), t)
        return self._moved(X, np.moveaxis(values, 1, 0))

    def _moved(self, X: Array, values: Array) -> Array:
        """Return the values from where the flow starts."""
        return values if self.start is None else (values + self.start.values(X)).astype(X.dtype, copy=False)
