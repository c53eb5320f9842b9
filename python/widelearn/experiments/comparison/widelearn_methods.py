"""The comparison's methods of this package."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import widelearn as wl
from widelearn import ridge
from widelearn.experiments.comparison.plans import (
    LINEAR_ALPHAS,
    N_COMPONENTS,
    Grid,
    Matrix,
    Parameters,
    Sample,
    Setting,
    TuningPlan,
    on_features,
    on_kernel,
    plain,
    powers,
)

# So much more than the kernel's own size is the constant that stands for a free intercept in left-out errors.
FREE = 1e4


def linear(setting: Setting) -> TuningPlan:
    """Plan linear ridge on the prepared columns."""
    model = wl.FeatureRidgeClassifier if setting.classify else wl.FeatureRidge
    return plain(lambda given: model("passthrough", **given), LINEAR_ALPHAS)


def _feature_ridge(setting: Setting, outer: Grid, features: Callable[[Parameters], Any]) -> TuningPlan:
    """Plan ridge on a random feature map of this package."""
    model = wl.FeatureRidgeClassifier if setting.classify else wl.FeatureRidge
    return on_features(
        outer,
        features,
        lambda inner: model("passthrough", **inner),
        lambda outer, inner: model(features(outer), **inner),
    )


def random_features(setting: Setting) -> TuningPlan:
    """Plan ridge on random relu features, with and without random biases."""
    return _feature_ridge(
        setting,
        Grid(({"bias_scale": 0.0}, {"bias_scale": 1.0})),
        lambda outer: wl.RandomFeatures(n_components=N_COMPONENTS, random_state=setting.seed, **outer),
    )


def fourier_features(setting: Setting) -> TuningPlan:
    """Plan ridge on random Fourier features of the RBF kernel."""
    return _feature_ridge(
        setting,
        setting.gammas(),
        lambda outer: wl.FourierFeatures(wl.kernels.RBF(**outer), n_components=N_COMPONENTS, random_state=setting.seed),
    )


def _kernel_ridge(setting: Setting, outer: Grid, kernel: Callable[..., Any]) -> TuningPlan:
    """Plan kernel ridge with a kernel of this package."""
    model = wl.KernelRidgeClassifier if setting.classify else wl.KernelRidge

    def left_out(outer: Parameters, inner: Sequence[Parameters], sample: Sample) -> list[Matrix]:
        """Return left-out predictions of all penalties from one decomposition.

        Targets lose their mean, and a large constant in the kernel leaves the intercept free.
        """
        K = np.asarray(kernel(**outer)(sample.X))
        K = K + FREE * float(np.mean(np.diag(K)))
        y = sample.y
        if setting.classify:
            y = np.where(y[:, None] == np.arange(setting.classes), 1.0, -1.0)
        mean = np.average(y, axis=0, weights=sample.weight)
        alphas = [one["alpha"] for one in inner]
        return list(ridge.loo(K, y - mean, alphas, kind="kernel", sample_weight=sample.weight) + mean)

    return on_kernel(
        outer,
        lambda outer: kernel(**outer),
        lambda inner: model("precomputed", **inner),
        lambda outer, inner: model(kernel(**outer), **inner),
        left_out,
    )


def ntk(setting: Setting) -> TuningPlan:
    """Plan kernel ridge with the neural tangent kernel: without and with biases, deeper with them."""
    grid = tuple({"depth": depth, "bias_variance": bias} for depth, bias in ((1, 0.0), (1, 1.0), (3, 1.0)))
    return _kernel_ridge(setting, Grid(grid), wl.kernels.NTK)


def rbf(setting: Setting) -> TuningPlan:
    """Plan kernel ridge with the RBF kernel."""
    return _kernel_ridge(setting, setting.gammas(), wl.kernels.RBF)


def taylor(setting: Setting) -> TuningPlan:
    """Plan the quadratic Taylor model with a linear part, for a few penalties."""
    model = wl.TaylorClassifier if setting.classify else wl.TaylorRegressor
    grid = Grid(tuple({"alpha": alpha} for alpha in (2e-1, 2e-2, 2e-3, 2e-4)), "alpha", 10.0, 1)
    return plain(lambda given: model(random_state=setting.seed, **given), grid, {"order": 2})


def two_layer(setting: Setting) -> TuningPlan:
    """Plan a two-layer network, for a few penalties; it stops early by rows that it holds out itself."""
    model = wl.TwoLayerClassifier if setting.classify else wl.TwoLayerRegressor
    fixed: Parameters = {"early_stopping": True}
    grid = powers("alpha", (-1, -2, -3, -5), 0)
    return plain(lambda given: model(random_state=setting.seed, **fixed, **given), grid, fixed)


def recursive(setting: Setting) -> TuningPlan:
    """Plan the recursive feature machine, which chooses length, penalty and iteration by unseen rows."""
    model = wl.RecursiveFeatureMachineClassifier if setting.classify else wl.RecursiveFeatureMachine
    fixed: Parameters = {"n_iter": 5, "metric": "diagonal" if setting.wide else "full"}
    return plain(lambda _: model(random_state=setting.seed, **fixed), Grid(), fixed)
