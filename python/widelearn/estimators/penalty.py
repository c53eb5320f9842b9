"""Choosing the penalty: by left-out rows in closed form, by GCV, or by refits to parts of the rows."""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from widelearn.ridge.paths import check_alphas

Array = NDArray[Any]
ALPHAS = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3)


class ChoosesAlpha:
    """What all estimators with ``alphas`` and ``cv`` share."""

    _choice_constraints: ClassVar[dict[str, list[Any]]] = {"alphas": ["array-like"], "cv": ["cv_object"]}

    cv: Any
    alphas: Any
    multilabel_: bool

    def _refits(self) -> bool:
        """Whether `cv` asks for refits rather than a closed form."""
        return self.cv is not None and not isinstance(self.cv, str)

    def _splits(self, X: Array, y: Array) -> Iterator[tuple[Array, Array]]:
        """Yield training and test rows; classes are stratified where a number of folds was asked for."""
        # Here, for it takes long to load.
        from sklearn.model_selection import check_cv

        labels = y
        if is_classifier(self):
            one = not self.multilabel_ and y.shape[1] > 1
            labels = y.argmax(axis=1) if one else (y > 0).astype(int)
            labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
        splitter = check_cv(self.cv, labels, classifier=is_classifier(self))
        yield from splitter.split(X, labels)

    def _score(self, y: Array, values: Array, weight: Array | None) -> float:
        """Return the accuracy of a classifier's values, or the mean R² of a regressor's."""
        if not is_classifier(self):
            from sklearn.metrics import r2_score

            return float(r2_score(y, values, sample_weight=weight))
        if self.multilabel_ or y.shape[1] == 1:
            hit = ((y > 0) == (values > 0)).all(axis=1)
        else:
            hit = y.argmax(axis=1) == values.argmax(axis=1)
        return float(np.average(hit, weights=weight))

    def _best(self, scores: Array, n_targets: int, per_target: bool = False) -> tuple[Array, Any, Any]:
        """Return a penalty a target, what to call `alpha_`, and its score; scores (a, t) are the better the larger."""
        alphas = check_alphas(self.alphas)
        if per_target and n_targets > 1:
            at = scores.argmax(axis=0)
            return alphas[at], alphas[at], scores[at, np.arange(n_targets)]
        mean = scores.mean(axis=1)
        best = int(mean.argmax())
        return np.full(n_targets, alphas[best]), float(alphas[best]), float(mean[best])
