"""The score of regressors: R² of rows and targets."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike


class RSquared:
    """A regressor whose score is R²; what scikit-learn's checks would let pass is summed at once."""

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return R² = 1 - Σ w (y - f)² / Σ w (y - mean y)² of the values f at the rows of `X`, its mean over targets.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Rows.
        y : array-like of shape (n,) or (n, n_targets)
            Targets.
        sample_weight : array-like of shape (n,), default=None
            Weights w of the rows, all 1 by default.

        Returns
        -------
        float
            R², 1 at best; the mean of the targets in the place of f has 0.
        """
        fitted: Any = self
        values = fitted.predict(X)
        plain = sample_weight is None and type(y) is np.ndarray and y.dtype == np.float64
        if plain and type(values) is np.ndarray and values.shape == y.shape == (len(y),) and len(y) > 1:  # type: ignore[union-attr,arg-type]
            about, left = y - y.mean(), y - values  # type: ignore[union-attr]
            found = 1.0 - (left @ left) / total if (total := float(about @ about)) > 0.0 else np.nan
            if np.isfinite(found):
                return float(found)
        # With it come a progress bar and half of scikit-learn, which an import of the package need not wait for.
        from sklearn.metrics import r2_score

        return float(r2_score(y, values, sample_weight=sample_weight))
