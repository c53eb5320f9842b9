"""What kernel ridge estimators share: one way to fit, and the model that they keep."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, is_classifier

from widelearn.estimators.costs import FitCost, fit_cost
from widelearn.estimators.feature_ridge.systems import Rows
from widelearn.estimators.folds import check_groups
from widelearn.estimators.kernel_ridge.choice import choose_kernel, kernels_of
from widelearn.estimators.kernel_ridge.model import KernelModel, KernelProblem, check_stored, is_precomputed, kernel_of
from widelearn.estimators.kernel_ridge.solver import Solver, default_centres
from widelearn.estimators.lazy import refuse_lazy
from widelearn.estimators.left_out import stored_left_out
from widelearn.estimators.penalty import choice_of
from widelearn.estimators.posterior import Posterior, RowPosterior
from widelearn.features import NystromFeatures
from widelearn.features.state import refitting
from widelearn.kernels import NTK, Kernel, as_kernel
from widelearn.kernels.parameters import DefaultObjects, checks_parameters
from widelearn.kernels.rows import new_rows
from widelearn.ridge.symmetric_systems import Inverses, Solution, check_alpha
from widelearn.runtime import Array, capped

NO_POSTERIOR = (
    "The variance of new rows is not known: neither a precomputed kernel matrix nor a fit to a Dask collection, or with"
    " more than 2,048 centres, keeps what it takes. Fit rows and a kernel object, with fewer n_components."
)


@capped
def predicted(fitted: Any, X: Any) -> Array:
    """Return the values K(X, X_fit) a + b (n, t) of a fitted estimator; lazy for a Dask collection."""
    if hasattr(X, "__dask_graph__"):
        from widelearn.distributed import by_rows

        return by_rows(fitted, "_values", X, len(fitted._model.solution.offset))
    return fitted._model.values(new_rows(fitted, X, accept_sparse=fitted._accept_sparse))


class BaseKernelRidge(DefaultObjects, BaseEstimator):
    """A kernel model, its values at new rows, and its tags.

    Estimators say how they read targets (`_read`), what model and penalties they keep (`_solve`), and, unless they
    refuse Dask collections, which of the estimators that are fitted block by block fits them to one (`_by_blocks`).
    """

    _stands_for: ClassVar[dict[str, Any]] = {"kernel": lambda kernel: as_kernel(kernel, NTK())}
    _read: Callable[..., Rows]
    _solve: Callable[..., tuple[KernelModel, Array]]
    _by_blocks: Any
    _values = predicted
    _foreseen: Callable[[Any, Any], FitCost]
    fit_cost = fit_cost
    _in_doubles = True
    kernel: Any

    @checks_parameters()
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to rows `X` (n, d) and targets or labels `y` (n,) or (n, t), and return the estimator.

        With solver="nystrom" they may be Dask's.
        """
        check_stored(self)
        with refitting(self) as draft:
            if hasattr(X, "__dask_graph__"):
                fit_lazily(draft, X, y, sample_weight)
            else:
                fit_rows(draft, draft._read(X, y, sample_weight))
        return self

    @property
    def _flat(self) -> bool:
        """Whether there is one target and no targets' axis."""
        return vars(self)["dual_coef_"].ndim == 1

    @property
    def _accept_sparse(self) -> str | bool:
        """What validation says to sparse rows: kernels of functions and kernel matrices take dense ones.

        What was fitted has the say, whatever parameters were set afterwards.
        """
        known = vars(self)
        kernel = known.get("kernel_", self.kernel)
        kernels = kernel if isinstance(kernel, list | tuple) else [kernel]
        try:
            takes = all(not is_precomputed(one) and as_kernel(one, NTK()).takes_sparse for one in kernels)
        except (TypeError, ValueError):
            # What is no kernel is refused by the fit.
            return False
        return "csr" if takes else False

    @property
    def _posterior(self) -> Posterior:
        """The Gaussian process whose mean is predicted."""
        found = vars(self)["_model"].posterior
        if found is None:
            raise ValueError(NO_POSTERIOR)
        return found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = is_precomputed(self.kernel)
        tags.input_tags.sparse = bool(self._accept_sparse)
        return tags


def fit_rows(draft: Any, rows: Rows) -> None:
    """Fit the draft of an estimator to validated rows."""
    rows.check_weight()
    weight, targets = rows.weight, rows.Y
    # The sum of weights is the number of rows that GCV reckons with.
    rows = rows.in_units(weights=not isinstance(getattr(draft, "cv", None), str))
    inverses: Inverses = {}
    keeps = getattr(draft, "store_loo", False)
    model, penalties = draft._solve(rows, inverses) if keeps else draft._solve(rows)
    model = model.in_original(rows.units)
    if model.posterior is None and isinstance(model.kernel, Kernel):
        dual = model.solution.coef.astype(np.float64, copy=False)
        about = targets - model.solution.offset if draft.fit_intercept else targets
        posterior = RowPosterior(model.kernel, model.rows, weight, penalties, dual=dual, about=about)
        posterior.fit_intercept = draft.fit_intercept
        model = replace(model, posterior=posterior)
    show(draft, model, rows.flat)
    if keeps:
        found = stored_left_out(draft, model.posterior, rows, inverses)
        draft.loo_residuals_ = found[:, 0] if rows.flat else found


def fit_grouped(draft: Any, X: Any, y: Any, sample_weight: Any, groups: Any) -> None:
    """Fit the draft of an estimator that chooses by left-out rows, those of a group together."""
    refuse_lazy(X, type(draft).__name__)
    rows = draft._read(X, y, sample_weight)
    check_groups(groups, draft.cv, rows.X)
    fit_rows(draft, rows._replace(groups=groups))


def solve_one(draft: Any, rows: Rows, inverses: Inverses | None = None) -> tuple[KernelModel, Array]:
    """Return the model of the kernel and the penalties that an estimator names, and these, one a target.

    `inverses` takes what is known of those of the kernel matrix, by penalty.
    """
    problem = KernelProblem(kernel_of(draft.kernel, rows.X), *rows[:3], draft.fit_intercept, inverses)
    alpha = check_alpha(draft.alpha, rows.Y.shape[1])
    return Solver.of(draft).solve(problem, rows.units.penalties(alpha)), alpha


def solve_best(draft: Any, rows: Rows) -> tuple[KernelModel, Array]:
    """Return the model of the best of the kernels and penalties that an estimator names, and set their score.

    With it comes the penalty, one a target.
    """
    given = *rows[:3], draft.fit_intercept
    problem, choice = choose_kernel(kernels_of(draft.kernel, rows.X), choice_of(draft, rows), *given)
    choice.warn()
    draft.alpha_, draft.best_score_, draft.alpha_scores_ = choice.alpha, choice.score, choice.scores
    if choice.errors is not None:
        draft.cv_results_ = choice.errors[:, 0] if rows.flat else choice.errors
    return problem.chosen(choice.penalties), check_alpha(draft.alpha_, rows.Y.shape[1])


def show(draft: Any, model: KernelModel, flat: bool) -> None:
    """Put a model on the draft of an estimator, with its public attributes."""
    draft._model, draft.kernel_, found = model, model.kernel, model.solution
    draft.dual_coef_ = found.coef[:, 0] if flat else found.coef
    draft.intercept_ = found.offset[0] if flat else found.offset
    draft.solver_, draft.n_iter_, draft.residual_ = found.solver, found.n_iter, found.residual
    if model.rows is not None:
        draft.X_fit_ = model.rows


def fit_lazily(draft: Any, X: Any, y: Any, sample_weight: Any) -> None:
    """Fit the draft of an estimator to a Dask collection by ridge regression on Nyström features."""
    if draft.solver != "nystrom" or is_precomputed(draft.kernel):
        raise ValueError(
            f"Dask collections are fitted with solver='nystrom' and a kernel of rows, got solver={draft.solver!r}"
            f" and kernel={draft.kernel!r}. FeatureRidge fits them with random features."
        )
    p = draft.n_components
    if p is None:
        from widelearn.distributed import count_rows

        n = count_rows(X)
        if math.isnan(n):
            raise ValueError(
                "The default n_components is 10 sqrt(n), and how many rows X has is unknown: set n_components, or"
                " let X.compute_chunk_sizes() count them."
            )
        p = default_centres(int(n))
    kernel = kernel_of(draft.kernel)
    features = NystromFeatures(kernel, p, random_state=Solver.of(draft).seed)
    options = {"class_weight": draft.class_weight} if is_classifier(draft) else {}
    ridge = draft._by_blocks(features, draft.alpha, fit_intercept=draft.fit_intercept, **options)
    found = ridge.fit(X, y, sample_weight)
    for name in ("n_features_in_", "feature_names_in_", "classes_", "multilabel_"):
        if hasattr(found, name):
            setattr(draft, name, getattr(found, name))
    coef, features = found.coef_, found.features_
    dual = features.dual(np.atleast_2d(coef).T).astype(coef.dtype)
    solution = Solution(dual, np.reshape(found.intercept_, -1), "nystrom")
    show(draft, KernelModel(features.kernel_, features.components_, solution), np.ndim(coef) == 1)
