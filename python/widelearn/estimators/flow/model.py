"""A flow that was fitted: its values at the time that was chosen, and at any other."""

from dataclasses import dataclass
from typing import Any

import numpy as np

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

    @classmethod
    def at_time(cls, source: Any, spectrum: Spectrum, schedule: Schedule, time: float, flat: bool) -> "FlowModel":
        """Return the model of one time."""
        learned = schedule.learned(spectrum.rates, np.array([time]))
        return cls(source, spectrum, schedule, source.model(spectrum, learned), flat)

    def values(self, X: Array) -> Array:
        """Return the values (m, t) at rows at the one time."""
        return self.fixed.values(X)

    def path(self, X: Array, times: Array) -> Array:
        """Return the values (T, m, t) at rows at many times."""
        m, t = len(X), len(self.spectrum.mean)
        check_memory(16 * m * t * len(times), f"The values of {m} rows at {len(times)} times", "Ask for fewer at once.")
        learned = self.schedule.learned(self.spectrum.rates, times)
        values = self.source.model(self.spectrum, learned).values(X)
        return np.moveaxis(values.reshape(m, len(times), t), 1, 0)
