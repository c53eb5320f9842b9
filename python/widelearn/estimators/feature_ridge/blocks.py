"""Fitting in one pass over blocks of rows, from an iterable or a file, one block in memory at a time."""

import os
from collections.abc import Callable, Iterable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import _fit_context
from sklearn.utils import assert_all_finite
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _num_samples

from widelearn.estimators.feature_ridge.files import TableFile, open_table
from widelearn.estimators.feature_ridge.fit import NO_WEIGHT, BaseFeatureRidge

Blocks = Iterable[Any] | str | os.PathLike[str]
Callback = Callable[[int], object]


class FitsBlocks(BaseFeatureRidge):
    """Ridge regression on a feature map that can be fitted to blocks of rows, without a matrix of all of them."""

    def _sums_suffice(self) -> bool:
        """Whether moments are all that fitting needs."""
        return True

    @available_if(lambda self: self._sums_suffice())
    @_fit_context(prefer_skip_nested_validation=False)
    def fit_blocks(self, blocks: Blocks, *, callback: Callback | None = None) -> Self:
        """Fit to blocks of rows in one pass, and forget what was fitted before.

        The result is that of one :meth:`fit` to all rows, to rounding, with a feature map that does not depend on
        them: a map is fitted to the first block alone. No more than one block is held at a time.

        Parameters
        ----------
        blocks : iterable or path
            Gives tuples ``(X, y)`` or ``(X, y, sample_weight)``, as :meth:`fit` takes them; blocks of no rows are
            passed over. Or the path of a ``.npy`` file, a two-dimensional array that is mapped into memory, or of a
            ``.parquet`` file, read by pyarrow; their last column is the target.
        callback : callable, default=None
            Called with the number of rows so far after every block; what it returns is ignored.

        Returns
        -------
        self
            The estimator. If anything is raised, by the iterable or the callback too, it is left as it was.

        Raises
        ------
        ValueError
            If there are no rows or no weights, if a block is wrong, with its number from 0 on, or a file damaged.
        ImportError
            If pyarrow is needed and not installed.
        MemoryError
            If the p x p system of p features does not fit, with the bytes.

        Notes
        -----
        With n rows of d columns, t targets and p features it costs 2 n p (d + p + t) + p³ / 3 flops, and 16 p² bytes
        next to one block. The p x p system is solved even where n < p; :meth:`fit` then solves one of n x n.

        Examples
        --------
        >>> import numpy as np
        >>> from widelearn import FeatureRidge, RandomFeatures
        >>> rng = np.random.default_rng(0)
        >>> X = rng.standard_normal((900, 3))
        >>> y = np.abs(X[:, 0])
        >>> blocks = ((X[rows], y[rows]) for rows in np.split(np.arange(900), 3))
        >>> features = RandomFeatures(n_components=50, random_state=0)
        >>> model = FeatureRidge(features).fit_blocks(blocks, callback=print)
        300
        600
        900
        >>> bool(np.allclose(model.coef_, FeatureRidge(features).fit(X, y).coef_))
        True
        """
        return self._fit_stream(blocks, None, callback)

    def _fit_stream(self, blocks: Blocks, classes: ArrayLike | None, callback: Callback | None) -> Self:
        if callback is not None and not callable(callback):
            raise TypeError(f"callback must be a function of the number of rows, got {callback!r}.")
        source = open_table(blocks) if isinstance(blocks, str | os.PathLike) else blocks
        draft = type(self)(**self.get_params(deep=False))
        number = rows = 0
        for block in source:
            size = draft._take(number, block, classes)
            # The next block is made without this one.
            del block
            number, rows = number + 1, rows + size
            if size and callback is not None:
                callback(rows)
        if rows == 0:
            raise ValueError(
                "There are no rows in the blocks: they are empty, or an iterator that an earlier pass has used up. Give"
                " a new one."
            )
        if draft.moments_.weight == 0.0:
            raise ValueError(NO_WEIGHT)
        draft._solved = draft._solve_moments(draft.moments_)
        if isinstance(source, TableFile) and source.names is not None:
            draft.feature_names_in_ = np.array(source.names, dtype=object)
        self._take_over(draft)
        return self

    def _take(self, number: int, block: Any, classes: ArrayLike | None) -> int:
        """Add a block to the moments, and return how many rows it has."""
        if not isinstance(block, tuple | list) or len(block) not in (2, 3):
            what = f"{len(block)} things" if isinstance(block, tuple | list) else f"of type {type(block).__name__}"
            raise ValueError(f"Block {number} is {what}: it must be (X, y) or (X, y, sample_weight).")
        X, y, sample_weight = (*block, None)[:3]
        try:
            size = _num_samples(X)
            if size or _num_samples(y):
                self._take_rows(X, y, sample_weight, classes)
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"Block {number}: {error}") from error
        return size

    def _take_rows(self, X: Any, y: Any, sample_weight: Any, classes: ArrayLike | None) -> None:
        self._fit_more(*self._check_block(X, y, sample_weight, classes, reset=not hasattr(self, "moments_")))

    def _check_block(self, X: Any, y: Any, sample_weight: Any, classes: ArrayLike | None, reset: bool) -> Any:
        """Return validated rows, targets (n, t) and weights of a block, which may all be zero."""
        return self._check(X, y, sample_weight, reset=reset, idle=True)

    def _take_over(self, draft: Self) -> None:
        """Replace what was fitted by what a draft of this estimator was fitted to, at one stroke."""
        kept = {name: value for name, value in vars(self).items() if not name.endswith("_")}
        passing = {*self.get_params(deep=False), "moments_", "_dtype"}
        self.__dict__ = kept | {name: value for name, value in vars(draft).items() if name not in passing}


class ClassifiesBlocks(FitsBlocks):
    """A classifier that can be fitted to blocks of rows."""

    @available_if(lambda self: self._sums_suffice())
    @_fit_context(prefer_skip_nested_validation=False)
    def fit_blocks(self, blocks: Blocks, *, classes: ArrayLike | None = None, callback: Callback | None = None) -> Self:
        """Fit to blocks of rows in one pass, and forget what was fitted before.

        Parameters
        ----------
        blocks : iterable or path
            As in :meth:`FeatureRidge.fit_blocks`, with labels or multilabel indicators for targets.
        classes : array-like of shape (n_classes,), default=None
            All classes. They are needed but for indicators, and for a file, whose target column is read once more.
        callback : callable, default=None
            Called with the number of rows so far after every block; what it returns is ignored.

        Returns
        -------
        self
            The estimator. If anything is raised, by the iterable or the callback too, it is left as it was.

        Raises
        ------
        ValueError
            As in :meth:`FeatureRidge.fit_blocks`; or if classes are missing.

        See Also
        --------
        FeatureRidge.fit_blocks : The regression; its costs and other errors are the same.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from widelearn import FeatureRidgeClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> blocks = ((X[rows], y[rows]) for rows in np.split(np.arange(150), 5))
        >>> model = FeatureRidgeClassifier(alpha=1e-3, random_state=0)
        >>> bool(model.fit_blocks(blocks, classes=[0, 1, 2]).score(X, y) > 0.95)
        True
        """
        if classes is None and isinstance(blocks, str | os.PathLike):
            classes = classes_of(open_table(blocks))
        return self._fit_stream(blocks, classes, callback)

    def _take_rows(self, X: Any, y: Any, sample_weight: Any, classes: ArrayLike | None) -> None:
        self._add(X, y, classes, sample_weight, idle=True)

    def _check_block(self, X: Any, y: Any, sample_weight: Any, classes: ArrayLike | None, reset: bool) -> Any:
        return self._check(X, y, sample_weight, classes, reset=reset, idle=True)


def classes_of(table: TableFile) -> ArrayLike | None:
    """Return the sorted distinct targets of a file, None if it has no rows."""
    found = None
    for number, y in enumerate(table.targets()):
        try:
            assert_all_finite(y, input_name="y")
            check_classification_targets(y)
        except ValueError as error:
            raise ValueError(f"Block {number}: {error}") from error
        found = np.unique(y) if found is None else np.union1d(found, y)
    return found
