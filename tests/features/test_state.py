"""A refit of a map that fails leaves the map as it was; a map's own attributes of any name outlive its fits."""

import numpy as np
import pandas as pd
import pytest

import widelearn as wl

FRAME = pd.DataFrame(np.random.default_rng(0).standard_normal((30, 4)), columns=list("abcd"))
X = FRAME.to_numpy()
MAPS = {
    name: value
    for name in wl.__all__
    if isinstance(value := getattr(wl, name), type) and hasattr(value, "transform") and hasattr(value, "fit")
}


def frozen(features):
    """Return what a map answers and holds, but for its parameters."""
    own = set(features.get_params(deep=False))
    return features.transform(FRAME), {name: value for name, value in vars(features).items() if name not in own}


def unchanged(features, before):
    Z, held = frozen(features)
    np.testing.assert_array_equal(Z, before[0])
    assert held.keys() == before[1].keys()
    assert all(value is before[1][name] for name, value in held.items())


@pytest.mark.parametrize("name", sorted(MAPS))
def test_a_failed_refit_changes_nothing(name):
    features = MAPS[name](random_state=3).fit(FRAME)
    features.note_ = "mine"
    before = frozen(features)
    wrong = [X[:, :2] * np.nan, X[:0, :2], np.zeros((4, 2, 2)), [["a", "b"]], X[:, :2] + 1j]
    for rows in wrong:
        for method in (features.fit, features.fit_transform):
            with pytest.raises((ValueError, TypeError)):
                method(rows)
            unchanged(features, before)
    for value in (object(), -1.5):
        features.set_params(random_state=value)
        with pytest.raises(ValueError, match="random_state"):
            features.fit(X[:, :2])
        unchanged(features, before)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, RuntimeError])
@pytest.mark.parametrize("name", sorted(MAPS))
def test_a_fit_that_fails_at_its_end_changes_nothing(name, error, monkeypatch):
    features = MAPS[name](random_state=3).fit(FRAME)
    before = frozen(features)
    last = "_fit" if hasattr(features, "_fit") else "_draw"
    whole = getattr(MAPS[name], last)

    def fail(draft, *rows):
        whole(draft, *rows)
        raise error

    monkeypatch.setattr(MAPS[name], last, fail)
    for method in (features.fit, features.fit_transform):
        with pytest.raises(error):
            method(X[:, :2])
        unchanged(features, before)


@pytest.mark.parametrize("name", sorted(MAPS))
def test_parameters_change_the_next_fit_and_not_this_one(name):
    features = MAPS[name](random_state=3).fit(FRAME)
    before = frozen(features)
    for parameter in features.get_params(deep=False):
        features.set_params(**{parameter: "another"})
        unchanged(features, before)


@pytest.mark.parametrize("name", sorted(MAPS))
def test_a_refit_forgets_what_only_the_fit_before_had(name):
    features = MAPS[name](random_state=3).fit(FRAME)
    features.fit(X[:, :3])
    assert features.n_features_in_ == 3
    assert not hasattr(features, "feature_names_in_")
    fresh = MAPS[name](random_state=3).fit(X[:, :3])
    assert vars(features).keys() == vars(fresh).keys()
    np.testing.assert_array_equal(features.transform(X[:, :3]), fresh.transform(X[:, :3]))


def test_a_map_of_rows_forgets_them_for_a_kernel_matrix():
    features = wl.NystromFeatures(random_state=0).fit(X)
    features.set_params(kernel="precomputed").fit(X @ X.T)
    assert not hasattr(features, "components_")
