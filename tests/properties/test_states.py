"""Any order of partial_fit, merge, set_params, pickle, copy, clone and fit leaves what a fit from scratch gives."""

import copy
import pickle
import warnings

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sklearn.base import clone

import widelearn as wl
from widelearn.ridge import Moments

COLUMNS, ALPHAS = 3, (1e-3, 0.1, 1.0, 50.0)
NEW = np.random.default_rng(0).normal(size=(4, COLUMNS))
SEEDS, ROWS = st.integers(0, 10**6), st.integers(1, 8)
# Sums of some hundred terms in another order, and a condition number of some hundred thousand.
TOLERANCE = 1e-8


def batch(seed, n, targets, weighted):
    """Rows, targets and weights of a seed; weights may be zero, but not all."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, COLUMNS)) + rng.choice([0.0, 5.0])
    y = X @ rng.normal(size=(COLUMNS, targets)) + rng.normal(size=(n, targets))
    weight = rng.integers(0, 3, n) + np.eye(n)[0] if weighted else np.ones(n)
    return X, y, weight


class States(RuleBasedStateMachine):
    """An estimator that is fitted in batches, moments that are merged, and every row that either has seen."""

    @initialize(
        outputs=st.integers(1, 2),
        features=st.sampled_from(["passthrough", wl.RandomFeatures(5, bias_scale=1.0, random_state=3)]),
        alpha=st.sampled_from(ALPHAS),
        fit_intercept=st.booleans(),
    )
    def start(self, outputs, features, alpha, fit_intercept):
        self.targets, self.seen = outputs, []
        self.model = wl.FeatureRidge(features, alpha, fit_intercept=fit_intercept)
        # Parameters of the last fit: those set later change the next fit, and not the model.
        self.fitted_with = None
        self.moments, self.merged = Moments(COLUMNS, outputs), []

    @rule(seed=SEEDS, n=ROWS, weighted=st.booleans())
    def partial_fit(self, seed, n, weighted):
        rows = batch(seed, n, self.targets, weighted)
        self.model.partial_fit(*rows)
        self.seen.append(rows)
        self.fitted_with = self.model.get_params()

    @rule(seed=SEEDS, n=ROWS, weighted=st.booleans())
    def fit_forgets(self, seed, n, weighted):
        rows = batch(seed, n, self.targets, weighted)
        fitted = clone(self.model).fit(*rows)
        with warnings.catch_warnings():
            # It says that rows of fit are forgotten.
            warnings.simplefilter("ignore", UserWarning)
            self.model = fitted.partial_fit(*rows)
        self.seen, self.fitted_with = [rows], self.model.get_params()

    @rule(alpha=st.sampled_from(ALPHAS))
    def set_alpha(self, alpha):
        self.model.set_params(alpha=alpha)

    @rule(fit_intercept=st.booleans())
    def set_fit_intercept(self, fit_intercept):
        self.model.set_params(fit_intercept=fit_intercept)

    @rule(how=st.sampled_from([copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]))
    def copied(self, how):
        self.model, self.moments = how(self.model), how(self.moments)

    @rule()
    def cloned(self):
        other = clone(self.model)
        assert other.get_params()["alpha"] == self.model.alpha
        assert not hasattr(other, "coef_")

    @rule(seed=SEEDS, n=ROWS, weighted=st.booleans())
    def update(self, seed, n, weighted):
        rows = batch(seed, n, self.targets, weighted)
        self.moments.update(*rows)
        self.merged.append(rows)

    @rule(seed=SEEDS, n=ROWS, weighted=st.booleans(), turned=st.booleans())
    def merge(self, seed, n, weighted, turned):
        rows = batch(seed, n, self.targets, weighted)
        other = Moments(COLUMNS, self.targets).update(*rows)
        before = pickle.dumps(self.moments if turned else other)
        if turned:
            other.merge(self.moments)
            assert pickle.dumps(self.moments) == before
            self.moments = other
        else:
            self.moments.merge(other)
            assert pickle.dumps(other) == before
        self.merged.append(rows)

    # A rule, so that parameters are also set on models that nothing has solved yet.
    @precondition(lambda self: self.seen)
    @rule()
    def model_is_that_of_all_rows(self):
        X, y, weight = map(np.concatenate, zip(*self.seen, strict=True))
        # The map looks at no values, so that the first batch fits it as all rows do.
        scratch = wl.FeatureRidge(**{name: self.fitted_with[name] for name in ("features", "alpha", "fit_intercept")})
        truth = scratch.fit(X, y, weight).predict(NEW)
        assert np.abs(self.model.predict(NEW) - truth).max() <= TOLERANCE * np.abs(y).max()

    @precondition(lambda self: self.merged)
    @invariant()
    def moments_are_those_of_all_rows(self):
        X, y, weight = map(np.concatenate, zip(*self.merged, strict=True))
        whole = Moments(COLUMNS, self.targets).update(X, y, weight)
        assert np.isclose(self.moments.weight, weight.sum(), rtol=1e-14)
        for alpha in (0.1, 50.0):
            for fit_intercept in (False, True):
                found, truth = (one.solve(alpha, fit_intercept) for one in (self.moments, whole))
                for part, true in zip(found, truth, strict=True):
                    assert np.abs(part - true).max(initial=0.0) <= TOLERANCE * (1 + np.abs(true).max(initial=0.0))


TestStates = States.TestCase
TestStates.settings = settings(max_examples=25, stateful_step_count=15, deadline=None, derandomize=True)
