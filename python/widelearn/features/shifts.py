"""What maps add to the projections on their directions: biases of random layers, the phase of an odd Fourier map."""

import numpy as np
from numpy.typing import NDArray

from widelearn import _core
from widelearn.features.base import ProjectionMap
from widelearn.kernels import specs


def shifts_of(fitted: ProjectionMap) -> NDArray[np.float64]:
    """Return what a fitted map adds to projections, one number for each of its directions."""
    spec, d = fitted._spec, fitted.n_features_in_
    if isinstance(spec.formula, specs.Neurons):
        # Rows of zeros are projected to nothing else; the core divides by the root of the number of columns.
        alone = specs.Neurons(specs.Activation("identity"), 0, spec.formula.bias_scale)
        out = np.empty((1, spec.n_components))
        _core.transform(spec._replace(formula=alone), np.zeros((1, d)), out)
        return np.asarray(out[0] * spec.n_components**0.5)
    W = fitted.directions()
    found = np.zeros(len(W))
    if spec.n_components % 2:
        # The last column is cos(w.x + b): its values where w.x is 0, and a quarter of a turn, tell b.
        rows, out = np.stack([np.zeros(d), W[-1] * (np.pi / 2 / (W[-1] @ W[-1]))]), np.empty((2, spec.n_components))
        _core.transform(spec, rows, out)
        found[-1] = np.arctan2(-out[1, -1], out[0, -1]) % (2 * np.pi)
    return found
