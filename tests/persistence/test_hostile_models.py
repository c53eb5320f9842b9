"""A file that was cut, changed or made to deceive is refused in one line, runs nothing, and takes no memory."""

import hashlib
import io
import json
import pickle
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.svm import SVR
from threadpoolctl import threadpool_limits

import widelearn as wl
from hostile_files import Canary
from widelearn.persistence import layout, origin, peer_checks, peers
from widelearn.persistence.classes import rebuilt

RNG = np.random.default_rng(0)
X = RNG.standard_normal((20, 3))
# What takes a value's place.
BAD = [None, [], {}, "x", True, -1, 1e308, 10**400, {"object": 0}, {"array": 99}, {"tuple": 3}, {"call": "os.system"}]
BAD += [{"dict": [[[], 1]]}, {"dtype": "O"}, {"number": ["<f8", "x"]}, {"objects": [[1 << 62], []]}, {"skops": 0}]
BAD += [
    {"csr_matrix": [[2, 2], *[{"array": 0}] * 3]},
    {"random state": [{"array": 0}, 9999, 0, 0.0]},
    "é" * 5,
    "\ud800",
]
BAD += [1 << 62, [1 << 40], [0, 1 << 62], "<U999999999", "|O8", "os:system", {"float": "1e5"}, {"range": [0, 1, 0]}]
LIMIT = 16 << 20


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    path = tmp_path_factory.mktemp("valid") / "model.wl"
    model = wl.KernelRidgeClassifier(wl.kernels.RBF() + 2.0 * wl.kernels.NTK(), random_state=0)
    wl.save(model.fit(X, np.where(X[:, 0] > 0, "yes", "no")), path)
    return path.read_bytes()


def parts(content):
    """The header of a file as data, and what follows it."""
    end = 48 + int.from_bytes(content[8:16], "little")
    return json.loads(content[48:end]), content[end + -end % 64 :]


def joined(header, rest, length=None):
    """A file of a header with the right digest, and what follows it where it belongs."""
    said = header if isinstance(header, bytes) else json.dumps(header).encode()
    count = (len(said) if length is None else length).to_bytes(8, "little")
    return layout.MARK + count + hashlib.sha256(said).digest() + said + bytes(-(48 + len(said)) % 64) + rest


def changed_headers(content, number):
    """Files whose header has one value less, or another, and the right digest."""
    header, rest = parts(content)
    places = []

    def visit(value, place):
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, part in inner:
            places.append((*place, key))
            visit(part, (*place, key))

    visit(header, ())
    for k in range(number):
        changed = json.loads(json.dumps(header))
        inner, place = changed, places[RNG.integers(len(places))]
        for key in place[:-1]:
            inner = inner[key]
        if k % 4:
            inner[place[-1]] = BAD[k % len(BAD)]
        else:
            del inner[place[-1]]
        yield joined(changed, rest)


def test_two_hundred_files_that_were_cut_or_changed(valid, tmp_path, monkeypatch):
    files = [valid[:cut] for cut in (0, 3, 8, 16, 48, 49, *RNG.integers(50, len(valid) - 1, 34))]
    for _ in range(80):
        place, content = RNG.integers(len(valid)), bytearray(valid)
        content[place] ^= 1 << RNG.integers(8)
        files.append(bytes(content))
    files += [valid + b"\0", b"\0" + valid, b"null", pickle.dumps(Canary()), b"PK\x03\x04" + valid, valid * 2]
    refused = [*files, *deep_and_long(valid)]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", str(LIMIT))
    path = Path("model.wl")
    tracemalloc.start()
    try:
        for content in refused:
            path.write_bytes(content)
            with pytest.raises((ValueError, MemoryError)) as caught:
                wl.load(path)
            assert "\n" not in str(caught.value)
        count = len(refused) + attempts(valid, path)
        assert tracemalloc.get_traced_memory()[1] < LIMIT
    finally:
        tracemalloc.stop()
    assert count >= 200
    assert [one.name for one in Path().iterdir()] == ["model.wl"]


def deep_and_long(valid):
    """Headers that promise much, or are deep."""
    header, rest = parts(valid)
    huge = header | {"arrays": [one | {"shape": [1 << 40]} for one in header["arrays"]]}
    wide = header | {"arrays": [one | {"dtype": "<U900000000"} for one in header["arrays"]]}
    late = header | {"schema": origin.SCHEMA + 1}
    more = (huge, wide, late, [], {}, b"[" * 100_000, b'{"a":' * 100_000, b"\xff", b'{"format": NaN}')
    yield from (joined(one, rest) for one in more)
    yield from (joined(header, rest, length) for length in (0, 1 << 40, (1 << 64) - 1))


def attempts(valid, path):
    """Load files whose header was changed with the right digest: refused in one line, or a model that is data alone."""
    count = 0
    for content in changed_headers(valid, 100):
        path.write_bytes(content)
        count += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                said = type(wl.load(path)).__module__
            except ValueError as error:
                said = f"widelearn. {error}"
        assert said.startswith("widelearn.")
        assert "\n" not in said
    return count


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("os.system", {}),
        ("KernelRidge", {"alpha": 1.0}),
        ("RBF", {"gamma": None, "spec": {}}),
        ("RBF", {"gamma": None, "__class__": 1}),
        ("Units", {}),
        ("Solution", {}),
        ("Moments", {"unit": 1.0}),
        ("specs.Rbf", {"gamma": 1.0, "more": 1}),
    ],
)
def test_objects_of_other_parts_are_refused(name, state):
    with pytest.raises((ValueError, KeyError)):
        rebuilt(name, state)


def test_a_folder_a_pipe_and_nothing(tmp_path):
    with pytest.raises(ValueError, match="not a regular file"):
        wl.load(tmp_path)
    with pytest.raises(FileNotFoundError):
        wl.load(tmp_path / "none.wl")


def test_other_versions_warn(valid, tmp_path):
    header, rest = parts(valid)
    path = tmp_path / "model.wl"
    path.write_bytes(joined(header | {"streams": 0}, rest))
    with pytest.warns(UserWarning, match="drawn by another law"):
        wl.load(path)
    path.write_bytes(joined(header | {"versions": header["versions"] | {"numpy": "1.26.4"}}, rest))
    with pytest.warns(UserWarning, match=r"numpy 1\.26\.4 \(now .*predictions may differ"):
        wl.load(path)


def test_a_write_that_fails_leaves_what_was_there(valid, tmp_path, monkeypatch):
    path = tmp_path / "model.wl"
    path.write_bytes(valid)
    monkeypatch.setattr(layout, "write", lambda stream, *more: stream.write(b"half") and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        wl.save(wl.KernelRidge(), path)
    assert path.read_bytes() == valid
    assert [one.name for one in tmp_path.iterdir()] == ["model.wl"]


def crafted(content, change):
    """An archive of skops whose schema was changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            new.writestr(name, json.dumps(change(json.loads(part))) if name == "schema.json" else part)
    return np.frombuffer(out.getvalue(), np.uint8)


def test_archives_that_name_other_types_are_refused():
    content = peers.written(Ridge().fit(X, X[:, 0]), "Ridge")
    assert peers.read(np.frombuffer(content, np.uint8)).coef_.shape == (3,)
    system = {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode", "__id__": 1}
    method = {"__class__": "mkdir", "__module__": "os", "__loader__": "MethodNode", "__id__": 2, "content": {}}
    call = {"__class__": "partial", "__module__": "functools", "__loader__": "PartialNode", "__id__": 3}
    call["content"] = {"func": system, "args": system, "kwds": system, "namespace": system}
    for node in (system, method, call, system | {"__loader__": "OperatorFuncNode"}, {"__loader__": "TypeNode"}):
        with pytest.raises(ValueError, match="not trusted"):
            peers.read(crafted(content, lambda schema, node=node: schema | {"more": node}))
    cut = np.frombuffer(content[:-40], np.uint8)
    with pytest.raises(zipfile.BadZipFile):
        peers.read(cut)


def test_trees_and_machines_that_lead_astray_are_refused():
    y = X[:, 0] + X[:, 1]
    with threadpool_limits(1):
        boosting = HistGradientBoostingRegressor(max_iter=2, min_samples_leaf=2).fit(X, y)
    forest, machine = RandomForestRegressor(2, random_state=0).fit(X, y), SVR().fit(X, y)
    for model in (boosting, forest, machine, DummyClassifier().fit(X, y > 0)):
        peer_checks.check(model)
    nodes = boosting._predictors[0][0].nodes
    for field, value in (("left", 10**6), ("right", 0), ("feature_idx", 3), ("is_categorical", 1)):
        kept = nodes[field][0]
        nodes[field][0] = value
        with pytest.raises(ValueError, match="damaged"):
            peer_checks.check(boosting)
        nodes[field][0] = kept
    tree = forest.estimators_[0].tree_
    for side in (tree.children_left, tree.children_right, tree.feature):
        kept = side[0]
        for value in (10**6, -5):
            side[0] = value
            with pytest.raises(ValueError, match="damaged"):
                peer_checks.check(forest)
        side[0] = kept
    machine._dual_coef_ = machine._dual_coef_[:, :-1]
    with pytest.raises(ValueError, match="damaged"):
        peer_checks.check(machine)
