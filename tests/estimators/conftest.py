"""What several tests of estimators fit."""

import numpy as np
import pytest


@pytest.fixture
def smooth(rng):
    """Rows of which two columns matter."""
    X = rng.standard_normal((160, 6))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 0]
