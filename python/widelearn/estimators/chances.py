"""Probabilities and sets of classes of ridge classifiers, from rows left out in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike

from widelearn.estimators.calibration import Calibration
from widelearn.estimators.held_out import HeldOutValues
from widelearn.estimators.intervals import places
from widelearn.estimators.labels import Labels
from widelearn.estimators.left_out import LeftOut, knows_rows, left_out_fits
from widelearn.estimators.posterior import Posterior
from widelearn.features.state import snapshot
from widelearn.kernels.rows import new_rows
from widelearn.runtime import Array, capped, row_blocks

NO_CHANCES = (
    "{} has probabilities of classes by rows left out, and keeps none here: neither of a precomputed kernel, nor with"
    " more than 2,048 features or centres and as many rows, nor of batches, blocks of a file or Dask collections. Fit"
    " rows in one call, or take sklearn.calibration.CalibratedClassifierCV."
)
# Bytes of what the fits without each row say of new rows at once.
AT_ONCE = 1 << 25
# Maps that were fitted once, of a posterior that is still there.
FITTED: WeakKeyDictionary[Posterior | HeldOutValues, Calibration] = WeakKeyDictionary()


def keeps_rows(estimator: Any) -> bool:
    """Whether a classifier keeps rows to be left out, if it is fitted; AttributeError says why not."""
    model, kernel = vars(estimator).get("_model"), getattr(estimator, "kernel", None)
    lacks = model is not None and not knows_rows(getattr(model, "posterior", None))
    if lacks or (isinstance(kernel, str) and kernel == "precomputed"):
        raise AttributeError(NO_CHANCES.format(type(estimator).__name__))
    return True


class Chances:
    """What classifiers by ridge regression on +1 and -1 have whose model keeps rows to be left out (`_model`)."""

    @capped
    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of every class (n, n_classes), or of every label of a multilabel indicator (n, t).

        It is the softmax of fitted values times a slope, the inverse of a temperature; for two classes, and each label
        of an indicator, the logistic function. The slope has the least log loss of the values that rows have in fits
        without them, in closed form: no row is held out, and nothing is fitted again. The most probable class is the
        predicted one.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Rows.

        Returns
        -------
        ndarray of shape (n, n_classes) or (n, t)
            Probabilities.

        Raises
        ------
        AttributeError
            If the fit keeps no rows: a precomputed kernel, more than 2,048 features or centres, batches, blocks or a
            Dask collection.
        ValueError
            If only one row has a weight.

        Notes
        -----
        The first call costs what that of :meth:`KernelRidge.predict_interval` does. A row of weight w counts as w rows,
        of which one is left out: where weights say something else, and are large, divide them and alpha by their mean.
        With class weights whole rows are left out, and probabilities are those of classes that are as frequent as their
        weights say. Rows that repeat each other, or belong together, make probabilities too sure: there, and where one
        slope is too stiff for many rows, take CalibratedClassifierCV with folds that keep groups, or method="isotonic".

        There is neither an intercept nor an isotonic map. Both would move the value at which a probability is a half,
        away from zero, at which :meth:`predict` changes the class; and neither pays: of left-out values an intercept
        changed the log loss of new rows by -1.5 to +3.9 %, an isotonic map of 2,400 rows by +1 % (breast cancer and
        magic, RBF kernels). Log losses were .32 to 1.03, .77 in the mean, of those of CalibratedClassifierCV(cv=5),
        Brier scores .28 to 1.01, .84 in the mean (seven tables of 118 to 2,400 rows fitted, 2 to 26 classes).

        References
        ----------
        Platt, "Probabilistic outputs for support vector machines", Advances in Large Margin Classifiers, 1999.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from widelearn import KernelRidgeClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = KernelRidgeClassifier("rbf", alpha=0.1).fit(X, y)
        >>> model.predict_proba(X[[0, 60, 106]]).round(1)
        array([[1. , 0. , 0. ],
               [0. , 1. , 0. ],
               [0. , 0.2, 0.8]])
        """
        fitted = snapshot(self)
        found, values = calibration_of(fitted), fitted._values(X)
        if hasattr(values, "__dask_graph__"):
            from widelearn.distributed import by_block

            return by_block(found.probabilities, values)
        return found.probabilities(values)

    def predict_log_proba(self: Any, X: ArrayLike) -> Array:
        """Return the logarithms of :meth:`predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    @capped
    def predict_set(self, X: ArrayLike, level: float = 0.9) -> Array:
        """Return which classes each row may have, such that the true one is among them with probability `level`.

        A class c conforms where its margin max_{k≠c} f_-i,k(x) - f_-i,c(x) in the fit without row i exceeds that of
        row i's own class at row i in fewer than level (n + 1) of the n rows i.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Rows.
        level : float, default=0.9
            Share of new rows whose set is to hold their class, between 0 and 1.

        Returns
        -------
        ndarray of bool of shape (n, n_classes)
            Whether a class is in the set. Where a class is plain for more than `level` of the rows, sets of the
            strangest ones are empty.

        Raises
        ------
        AttributeError
            If the fit keeps no rows, as for :meth:`predict_proba`.
        ValueError
            If there are too few rows for `level`, or targets are a multilabel indicator.

        Notes
        -----
        If old and new rows are exchangeable and nothing was chosen by them, sets hold the class of at least 2 level - 1
        of new rows, whatever the law, and in practice of nearly `level`: over all rows, not over those of each class.
        Rows that have a weight count alike. Costs are those of :meth:`KernelRidge.predict_interval`.

        References
        ----------
        Romano, Sesia & Candès, "Classification with valid and adaptive coverage", NeurIPS 2020, section 2.4
        (jackknife+).

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from widelearn import KernelRidgeClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = KernelRidgeClassifier("rbf", alpha=0.1).fit(X, y)
        >>> model.predict_set(X[[0, 70]], level=0.98)
        array([[ True, False, False],
               [False,  True,  True]])
        """
        fitted: Any = snapshot(self)
        if not 0.0 < level < 1.0:
            raise ValueError(f"level must be between 0 and 1, got {level}.")
        if fitted.multilabel_:
            raise ValueError("Sets of classes are those of one label a row, and y was a multilabel indicator.")
        if hasattr(X, "__dask_graph__"):
            raise TypeError("Sets of Dask collections are not lazy: pass X.compute().")
        rows = fitted._model.mapped(new_rows(fitted, X, accept_sparse=fitted._accept_sparse))
        values = np.asarray(fitted._values(X), np.float64)
        if len(fitted.classes_) == 1:
            return np.ones((len(values), 1), bool)
        posterior = fitted._model.posterior
        if isinstance(posterior, HeldOutValues):
            return conforming_by_held_out(posterior, values, level)
        return conforming(left_out_fits(fitted, posterior), rows, values, level)


def calibration_of(fitted: Any) -> Calibration:
    """Return the map of a fitted classifier's values to probabilities, fitted at the first call."""
    posterior = fitted._model.posterior
    found = FITTED.get(posterior)
    if found is None:
        labels = Labels(fitted.classes_, fitted.multilabel_)
        if not labels.multilabel and len(labels.classes) == 1:
            found = Calibration(labels, np.ones(1))
        elif isinstance(posterior, HeldOutValues):
            found = Calibration.of(labels, posterior.values, posterior.targets, posterior.weight)
        else:
            parts = left_out_fits(fitted, posterior)
            # A weight that evens out classes is no number of rows.
            scores = together(parts, [part.scores(copies=not fitted._class_weighted) for part in parts])
            codes = together(parts, [part.targets for part in parts])
            found = Calibration.of(labels, scores, codes, parts[0].weight)
        FITTED[posterior] = found
    return found


def together(parts: list[LeftOut], found: list[Array]) -> Array:
    """Return what left-out fits say of their targets as columns of all targets (n, t)."""
    out = np.empty((parts[0].n, sum(len(part.columns) for part in parts)))
    for part, values in zip(parts, found, strict=True):
        out[:, part.columns] = values
    return out


def conforming(parts: list[LeftOut], X: Array, values: Array, level: float) -> Array:
    """Return which classes (m, c) conform at rows of fitted values (m, t)."""
    n = parts[0].n
    _, high = places(n, level, "loo")
    scores = by_class(together(parts, [part.scores(copies=False) for part in parts]))
    codes = by_class(together(parts, [part.targets for part in parts]))
    own = margins(scores)[np.arange(n), codes.argmax(axis=1)]
    q = together(parts, [part.q for part in parts])
    out = np.empty((len(values), scores.shape[1]), bool)
    for rows, S in moved(parts, X, q.shape[1]):
        without = values[rows][None, :, :] - S * q[:, None, :]
        # Rounding must not decide between rows that are equal.
        less = margins(by_class(without)) > (own + 1e-12 * np.abs(own))[:, None, None]
        out[rows] = less.sum(axis=0) <= high
    return out


def conforming_by_held_out(found: HeldOutValues, values: Array, level: float) -> Array:
    """Return which classes (m, c) conform at rows of fitted values (m, t), beside rows that were held out."""
    n = len(found.values)
    _, high = places(n, level, "loo")
    own = margins(by_class(found.values))[np.arange(n), by_class(found.targets).argmax(axis=1)]
    return np.asarray(margins(by_class(values)) <= np.sort(own)[high])


def moved(parts: list[LeftOut], X: Array, t: int) -> Iterator[tuple[slice, Array]]:
    """Yield small blocks of rows, and how far each left-out row moves their values, (n, rows, t) or (n, rows, 1)."""
    n = parts[0].n
    step = max(AT_ONCE // (8 * n * max(t, 2)), 1)
    for blocks in zip(*(part.influences(X) for part in parts), strict=True):
        start, size = blocks[0][0].start, blocks[0][1].shape[1]
        for rows in row_blocks(size, step):
            found = np.empty((n, rows.stop - rows.start, t))
            for part, (_, S) in zip(parts, blocks, strict=True):
                found[:, :, part.columns] = S[:, rows, None]
            yield slice(start + rows.start, start + rows.stop), found


def by_class(values: Array) -> Array:
    """Return a column of values for each class; two classes share one, whose sign decides."""
    return np.concatenate([-values, values], axis=-1) if values.shape[-1] == 1 else values


def margins(values: Array) -> Array:
    """Return by how much the best other class exceeds each class, over the last axis."""
    best = values.argmax(axis=-1)[..., None]
    top = np.take_along_axis(values, best, axis=-1)
    rest = values.copy()
    np.put_along_axis(rest, best, -np.inf, axis=-1)
    other = np.broadcast_to(top, values.shape).copy()
    np.put_along_axis(other, best, rest.max(axis=-1)[..., None], axis=-1)
    return np.asarray(other - values)
