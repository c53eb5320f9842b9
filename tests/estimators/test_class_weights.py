"""Weights of classes as scikit-learn has them: of every classifier that takes them, in one fit and in batches."""

import numpy as np
import pytest
from sklearn.base import is_classifier
from sklearn.utils.class_weight import compute_sample_weight

import widelearn as wl

pytestmark = pytest.mark.filterwarnings("ignore:alpha = ")
RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4))
NAMES = np.array(["low", "mid", "top"])[np.digitize(X[:, 0] + 0.3 * X[:, 1], [-0.5, 0.8])]
LABELS = (np.column_stack([X[:, 0], X[:, 1], X[:, 2] * X[:, 0]]) > [-0.5, 0.2, 0.0]).astype(int)
FAMILIES = [
    family
    for name in wl.__all__
    if isinstance(family := getattr(wl, name), type)
    and is_classifier(family())
    and "class_weight" in family().get_params()
]
WEIGHED = [family for family in FAMILIES if "Machine" not in family.__name__]
BATCHED = [wl.FeatureRidgeClassifier, lambda **options: wl.FeatureRidgeClassifierCV(cv="gcv", **options)]


def made(family, **options):
    # Few steps of a descent: rounding errors grow with them.
    known, few = family().get_params(deep=False), {"random_state": 0, "n_iter": 1, "max_iter": 3}
    return family(**{name: value for name, value in (few | options).items() if name in known})


def same(one, other, **close):
    close = close or {"rtol": 1e-10, "atol": 1e-12}
    np.testing.assert_allclose(one.decision_function(X), other.decision_function(X), **close)


def test_classifiers_are_found():
    assert len(FAMILIES) == 7
    assert len(WEIGHED) == 6


@pytest.mark.parametrize("family", WEIGHED)
@pytest.mark.parametrize("given", [{"low": 5.0}, {"low": 1, "mid": 0, "top": 2.5}, "balanced", {}])
def test_weights_of_classes_are_weights_of_rows(family, given):
    rows = np.random.default_rng(1).uniform(0.5, 2.0, 60)
    weight = compute_sample_weight(given or None, NAMES) * rows
    found = made(family, class_weight=given).fit(X, NAMES, rows)
    same(found, made(family).fit(X, NAMES, weight))


@pytest.mark.parametrize("family", WEIGHED)
@pytest.mark.parametrize("given", [[{0: 1, 1: 5}, {1: 2.0}, {}], [{0: 0.5}, {0: 3, 1: 1}, {0: 1e-3, 1: 1}], "balanced"])
def test_weights_of_labels(family, given):
    weight = compute_sample_weight(given if isinstance(given, str) else [one or {0: 1} for one in given], LABELS)
    same(made(family, class_weight=given).fit(X, LABELS), made(family).fit(X, LABELS, weight))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("given", "y", "match"),
    [
        ({0: 1, 1: 5}, LABELS, "class_weight is dict, but a multilabel indicator of 3 columns takes a list of 3"),
        ([{0: 1, 1: 5}], LABELS, "class_weight is a list of 1, but a multilabel indicator of 3 columns"),
        ([{0: 1}, 2, {}], LABELS, "class_weight has 2, which is no dictionary of classes"),
        ([{"low": 1}], NAMES, "one column of labels takes one, a multilabel indicator a list"),
        ({"low": -1.0}, NAMES, r"class_weight is negative, infinite or NaN at 1 of 3 places, first 0: -1\."),
        ({"top": np.nan}, NAMES, "class_weight is negative, infinite or NaN at 1 of 3 places, first 2: nan"),
        ([{0: 1, 1: np.inf}, {}, {}], LABELS, "class_weight is negative, infinite or NaN"),
        ({"other": 1.0}, NAMES, r"The classes, \['low', 'mid', 'top'\], are not in class_weight"),
        ({"low": 0, "mid": 0, "top": 0}, NAMES, "weight"),
        ("heavy", NAMES, "class_weight"),
    ],
)
def test_what_is_no_weight_of_classes(family, given, y, match):
    with pytest.raises(ValueError, match=match):
        made(family, class_weight=given).fit(X, y)


@pytest.mark.parametrize("family", BATCHED)
def test_weights_in_batches(family):
    order = np.argsort(NAMES)
    weights = {"low": 2.0, "top": 0.25}
    parts = family(class_weight=weights, random_state=0)
    # The first batches hold one class alone.
    for rows in np.array_split(order, 5):
        parts.partial_fit(X[rows], NAMES[rows], classes=np.unique(NAMES))
    same(parts, family(class_weight=weights, random_state=0).fit(X, NAMES), rtol=1e-7, atol=1e-8)
    order, weights = np.lexsort(LABELS.T), [{1: 5.0}, {0: 0.5, 1: 2.0}, {}]
    parts = family(class_weight=weights, random_state=0)
    for rows in np.array_split(order, 5):
        parts.partial_fit(X[rows], LABELS[rows])
    same(parts, family(class_weight=weights, random_state=0).fit(X, LABELS), rtol=1e-7, atol=1e-8)
    with pytest.raises(
        ValueError, match=r"needs all rows at once: .*compute_class_weight\('balanced', classes=classes"
    ):
        family(class_weight="balanced").partial_fit(X, NAMES, classes=np.unique(NAMES))
