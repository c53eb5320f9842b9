"""Objects of scikit-learn, which skops turns into data: of listed types alone, and what they hold is checked.

skops lists what it trusts, by version; the list here is ours, so that an update trusts nothing more. A type is here if
all that it holds are numbers, texts and others of the list, and if nothing that a file can put into it runs code: of
the trees, whose compiled code follows numbers without looking, `peer_checks` does.
"""

import io
import json
import zipfile
from functools import cache
from typing import Any

import numpy as np

from widelearn.runtime import Array
from widelearn.runtime.array_headers import read_header

# Module -> its types.
TRUSTED = {
    "builtins": "bool dict float int list slice str tuple",
    "functools": "partial",
    "numpy": "bool bool_ dtype float32 float64 int8 int32 int64 intp ndarray str_ uint8 uint32 uint64",
    "numpy.random": "PCG64",
    "numpy.random._generator": "Generator",
    "numpy.random._pcg64": "PCG64",
    "numpy.random.mtrand": "RandomState",
    "sklearn._loss._loss": (
        "CyAbsoluteError CyHalfBinomialLoss CyHalfMultinomialLoss CyHalfPoissonLoss CyHalfSquaredError"
    ),
    "sklearn._loss.link": "HalfLogitLink IdentityLink Interval LogLink LogitLink MultinomialLogit",
    "sklearn._loss.loss": "AbsoluteError HalfBinomialLoss HalfMultinomialLoss HalfPoissonLoss HalfSquaredError",
    "sklearn.compose._column_transformer": "ColumnTransformer _RemainderColsList",
    "sklearn.dummy": "DummyClassifier DummyRegressor",
    "sklearn.ensemble._forest": (
        "ExtraTreesClassifier ExtraTreesRegressor RandomForestClassifier RandomForestRegressor"
    ),
    "sklearn.ensemble._hist_gradient_boosting.binning": "_BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting": (
        "HistGradientBoostingClassifier HistGradientBoostingRegressor"
    ),
    "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
    "sklearn.impute._base": "SimpleImputer",
    "sklearn.kernel_approximation": "Nystroem RBFSampler",
    "sklearn.kernel_ridge": "KernelRidge",
    "sklearn.linear_model._base": "LinearRegression",
    "sklearn.linear_model._bayes": "BayesianRidge",
    "sklearn.linear_model._coordinate_descent": "ElasticNet ElasticNetCV Lasso LassoCV",
    "sklearn.linear_model._huber": "HuberRegressor",
    "sklearn.linear_model._logistic": "LogisticRegression LogisticRegressionCV",
    "sklearn.linear_model._ridge": "Ridge RidgeCV RidgeClassifier RidgeClassifierCV",
    "sklearn.naive_bayes": "GaussianNB",
    "sklearn.neural_network._multilayer_perceptron": "MLPClassifier MLPRegressor",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.pipeline": "FeatureUnion Pipeline",
    "sklearn.preprocessing._data": "MaxAbsScaler MinMaxScaler PolynomialFeatures RobustScaler StandardScaler",
    "sklearn.preprocessing._encoders": "OneHotEncoder OrdinalEncoder",
    "sklearn.preprocessing._function_transformer": "FunctionTransformer",
    "sklearn.preprocessing._label": "LabelBinarizer LabelEncoder",
    "sklearn.preprocessing._polynomial": "PolynomialFeatures",
    "sklearn.svm._classes": "LinearSVC LinearSVR SVC SVR",
    "sklearn.tree._classes": ("DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor"),
    "sklearn.tree._tree": "Tree",
    "sklearn.utils._bunch": "Bunch",
}
# The one function that such a model names: boosting checks the columns that are no categories by it.
FUNCTIONS = {"sklearn.utils.validation.check_array"}
# The kinds of skops' nodes that make objects of the types above.
NODES = {
    "BunchNode",
    "CachedNode",
    "DTypeNode",
    "DictNode",
    "FunctionNode",
    "JsonNode",
    "ListNode",
    "LossNode",
    "NdArrayNode",
    "ObjectNode",
    "PartialNode",
    "RandomGeneratorNode",
    "RandomStateNode",
    "SliceNode",
    "TreeNode",
    "TupleNode",
    "TypeNode",
}
SCHEMA = "schema.json"
REMEDY = "Take an estimator of widelearn or a listed one of scikit-learn, or keep the model by pickle yourself."


@cache
def trusted() -> frozenset[str]:
    """Return the dotted names of all listed types."""
    return frozenset(f"{module}.{name}" for module, names in TRUSTED.items() for name in names.split())


def is_known(kind: type[Any]) -> bool:
    """Whether objects of a class are scikit-learn's, and kept."""
    return kind.__module__.startswith("sklearn.") and f"{kind.__module__}.{kind.__qualname__}" in trusted()


def written(value: Any, path: str) -> bytes:
    """Return an object of scikit-learn as skops writes it; what it holds beyond the listed types is refused."""
    what = f"{path} is scikit-learn's {type(value).__name__}, which is"
    try:
        import skops.io
    except ImportError as error:
        raise ValueError(f"{what} kept by skops: pip install 'widelearn[cli]'.") from error
    try:
        content: bytes = skops.io.dumps(value)
        others = unknown(content)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{what} not kept: {error} {REMEDY}") from error
    if others:
        raise ValueError(f"{what} not kept, for it holds {', '.join(others)}, which could run code. {REMEDY}")
    return content


def read(array: Array) -> Any:
    """Return an object of scikit-learn from the bytes that skops wrote."""
    if array.dtype != np.uint8 or array.ndim != 1:
        raise ValueError("a model of scikit-learn in it is no array of bytes")
    try:
        import skops.io
    except ImportError as error:
        raise ValueError("it holds a model of scikit-learn, which skops reads: pip install 'widelearn[cli]'") from error
    content = array.tobytes()
    if others := unknown(content):
        raise ValueError(f"a model of scikit-learn in it holds {', '.join(others)[:200]}, which is not trusted")
    found = skops.io.loads(content, trusted=sorted(trusted() | FUNCTIONS))
    # It loads much of scikit-learn.
    from widelearn.persistence import peer_checks

    peer_checks.check(found)
    return found


def unknown(content: bytes) -> list[str]:
    """Return what an archive of skops names beyond the lists; one that is compressed or damaged is refused."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED or member.file_size > len(content):
                raise ValueError(f"its part {member.filename[:100]!r} is compressed, which none is")
            if member.filename != SCHEMA:
                check_array(archive, member)
        nodes = json.loads(archive.read(SCHEMA))
    found: set[str] = set()
    waiting = [nodes]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if "__loader__" in node or "__class__" in node:
                found |= strange(node)
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return sorted(found)


def strange(node: dict[str, Any]) -> set[str]:
    """Return what one node names beyond the lists."""
    name, kind = f"{node.get('__module__')}.{node.get('__class__')}", node.get("__loader__")
    if kind not in NODES:
        return {f"{name} ({kind})"}
    if kind == "PartialNode" and node["content"]["func"].get("__loader__") != "FunctionNode":
        return {f"{name} of no function"}
    known = FUNCTIONS if kind == "FunctionNode" else trusted()
    return set() if name in known or kind == "CachedNode" else {name}


def check_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Refuse an array whose header promises more than is there."""
    with archive.open(member) as stream:
        shape, _, kind = read_header(stream, member.filename[:100])
        length = int(np.prod(shape, dtype=object)) * kind.itemsize
        if kind.hasobject or stream.tell() + length != member.file_size:
            raise ValueError(f"its array {member.filename[:100]!r} is not as long as its header says")
