"""What a fit of a two-layer net leaves: the net, and the scales of rows and targets."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn.estimators.scaling import ROWS, Scaling
from widelearn.estimators.two_layer.targets import Targets
from widelearn.nets import TwoLayer
from widelearn.runtime import row_blocks

Array = NDArray[Any]


@dataclass(frozen=True)
class TwoLayerModel:
    """A net on scaled rows, and the targets that its outputs stand for."""

    net: TwoLayer
    scaling: Scaling
    targets: Targets

    def values(self, X: Array) -> Array:
        """Return the outputs of the net (n, c) at raw rows, in their type."""
        W, b, a = (part.astype(X.dtype, copy=False) for part in (self.net.W, self.net.b, self.net.a))
        net = TwoLayer(W, b, a, self.net.activation, smoothing=self.net.smoothing)
        out = np.empty((len(X), net.a.shape[1]), X.dtype)
        for rows in row_blocks(len(X), ROWS):
            out[rows] = net.outputs(self.scaling.apply(X[rows]))
        return out
