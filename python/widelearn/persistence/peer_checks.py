"""What scikit-learn's compiled code takes on trust, looked at: the numbers of trees, of machines and of generators.

Predicting follows the children of a node and reads columns by their numbers without a look, so that a file could make
it read anything, or never end.
"""

from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.svm import SVC, SVR
from sklearn.tree import BaseDecisionTree

from widelearn.runtime import Array

# Words of MT19937's state.
WORDS = 624
# Words of a set of 256 categories.
BITS = 8


def check(whole: Any) -> None:
    """Refuse an object of scikit-learn if anything in it could lead compiled code astray."""
    waiting, seen = [whole], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        check_one(one)
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple):
            waiting += one
        elif isinstance(one, np.ndarray):
            waiting += one.ravel().tolist() if one.dtype == object else []
        elif hasattr(one, "__dict__") and not isinstance(one, type):
            waiting += list(vars(one).values())


def check_one(one: Any) -> None:
    """Look at one object."""
    if isinstance(one, np.random.RandomState):
        demand(0 <= one.get_state()[2] <= WORDS, "the state of a generator")  # type: ignore[index]
    elif isinstance(one, np.random.Generator):
        demand(type(one.bit_generator) is np.random.PCG64, "a generator")
    elif isinstance(one, BaseDecisionTree):
        if hasattr(one, "tree_"):
            check_tree(one.tree_, one.n_features_in_)
        # Those of a forest have its columns.
    elif isinstance(one, HistGradientBoostingClassifier | HistGradientBoostingRegressor):
        if hasattr(one, "_predictors"):
            check_boosting(one)
    elif isinstance(one, SVC | SVR):
        if hasattr(one, "support_vectors_"):
            check_machine(one)
    elif hasattr(one, "estimators_") and hasattr(one, "n_features_in_"):
        trees = [tree for tree in np.ravel(np.asarray(one.estimators_, object)) if isinstance(tree, BaseDecisionTree)]
        demand(all(tree.n_features_in_ == one.n_features_in_ for tree in trees), "the columns of a forest")


def demand(holds: Any, what: str) -> None:
    """Refuse what does not hold."""
    if not bool(holds):
        raise ValueError(f"{what} in it are damaged")


def check_tree(tree: Any, columns: int) -> None:
    """Look at the nodes of a tree of decisions; a leaf has no child on the left."""
    demand(type(columns) is int and tree.n_features == columns, "the columns of a tree")
    demand(1 <= tree.node_count <= tree.capacity, "the nodes of a tree")
    left, right, feature = tree.children_left, tree.children_right, tree.feature
    inner = left != -1
    check_nodes(left[inner], right[inner], feature[inner], np.flatnonzero(inner), tree.node_count, columns)


def check_nodes(left: Array, right: Array, feature: Array, place: Array, count: int, columns: int) -> None:
    """Demand that children stand behind their parents, and columns exist."""
    for child in (left, right):
        demand(((child > place) & (child < count)).all(), "the nodes of a tree")
    demand(((feature >= 0) & (feature < columns)).all(), "the columns of a tree")


def check_boosting(model: Any) -> None:
    """Look at the trees of boosting, and at their sets of categories."""
    columns, mapper = model.n_features_in_, model._bin_mapper
    demand(type(columns) is int, "the columns of boosting")
    categorical = np.zeros(columns, bool)
    if model.is_categorical_ is not None:
        categorical = np.asarray(mapper.is_categorical_, bool)
        demand(categorical.shape == (columns,), "the columns of boosting")
    for predictor in (one for each in model._predictors for one in each):
        nodes, bitsets = predictor.nodes, predictor.raw_left_cat_bitsets
        demand(nodes.ndim == 1 and len(nodes) and nodes.flags.c_contiguous, "the nodes of a tree")
        demand(bitsets.ndim == 2 and (len(bitsets) == 0 or bitsets.shape[1] == BITS), "the categories of a tree")
        inner = np.flatnonzero(nodes["is_leaf"] == 0)
        some = nodes[inner]
        left, right = (some[side].astype(np.int64) for side in ("left", "right"))
        check_nodes(left, right, some["feature_idx"], inner, len(nodes), columns)
        choosing = some[some["is_categorical"] != 0]
        demand(categorical[choosing["feature_idx"]].all(), "the categories of a tree")
        demand((choosing["bitset_idx"] < len(bitsets)).all(), "the categories of a tree")


def check_machine(model: Any) -> None:
    """Look at the shapes of a support vector machine, which its compiled code takes from one array for all."""
    vectors, dual, counts = model.support_vectors_, model._dual_coef_, model._n_support
    demand(isinstance(vectors, np.ndarray) and vectors.ndim == 2, "the rows of a machine")
    classes = len(model.classes_) if isinstance(model, SVC) else 2
    pairs = classes * (classes - 1) // 2
    demand(vectors.shape[1] == model.n_features_in_ == model.shape_fit_[1], "the columns of a machine")
    demand(model.support_.shape == (len(vectors),), "the rows of a machine")
    demand(dual.shape == (classes - 1, len(vectors)), "the rows of a machine")
    demand(counts.shape == (classes,) and (counts >= 0).all(), "the rows of a machine")
    demand(isinstance(model, SVR) or counts.sum() == len(vectors), "the rows of a machine")
    demand(model._intercept_.shape == (pairs,), "the pairs of a machine")
    demand(all(one.shape in ((0,), (pairs,)) for one in (model._probA, model._probB)), "the pairs of a machine")
