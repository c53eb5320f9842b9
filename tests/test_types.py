"""A type checker sees what a user's chains of calls are: an estimator's own class, never Any."""

import inspect
import re
import subprocess
import sys
import types

import pytest
from sklearn.utils._available_if import _AvailableIfDescriptor

import widelearn as wl

PUBLIC = sorted(name for name in wl.__all__ if hasattr(getattr(wl, name), "fit"))
# scikit-learn makes these of signatures as a class is made; they cannot be typed where the methods stand.
MADE = re.compile(r"set_\w+_request|get_metadata_routing")
# A user needs no stubs of other packages: what is skipped here is Any, as it is without them.
CONFIG = """[mypy]
strict = true
[mypy-dask.*,distributed.*,jax.*,matplotlib.*,optype.*,pandas.*,pyarrow.*,scipy.*]
follow_imports = skip
follow_imports_for_stubs = true
"""
START = """from typing import Any

import numpy as np
import widelearn as wl

X, y = np.zeros((9, 2)), np.arange(9) % 2

def untyped(X: object) -> Any:
    return X

"""


def methods(kind):
    """The public methods of a class, without those that scikit-learn makes; fitted numbers may be arrays, too."""
    found = (name for name in dir(kind) if not name.startswith("_") and not MADE.fullmatch(name))
    values = {name: inspect.getattr_static(kind, name) for name in found}
    # Methods that are there for some parameters alone are descriptors of scikit-learn's.
    offered = (types.FunctionType, classmethod, _AvailableIfDescriptor)
    return [name for name, value in values.items() if isinstance(value, offered)]


def expressions():
    yield "untyped(X)"
    for name in PUBLIC:
        kind = getattr(wl, name)
        yield f"wl.{name}().fit(X, y)"
        yield f"wl.{name}().set_params().fit(X, y)"
        yield from (
            f"wl.{name}().fit(X, y).{method}" for method in methods(kind) if method not in ("fit", "set_params")
        )
        result = "transform" if hasattr(kind, "transform") else "predict"
        yield f"wl.{name}().fit(X, y).{result}(X)"


def is_any(revealed):
    """Whether a type is Any, or that of a function or of one of its overloads that returns Any."""
    return re.search(r'(^|-> |^def .*\) -> )"?Any"?(,|\)|$)', revealed.strip('"')) is not None


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What `mypy --strict` reveals of each expression of a user's script, the package being installed."""
    folder = tmp_path_factory.mktemp("typed")
    asked = list(expressions())
    (folder / "mypy.ini").write_text(CONFIG, encoding="utf-8")
    script = START + "".join(f"reveal_type({one})\n" for one in asked)
    (folder / "script.py").write_text(script, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-color-output", "--cache-dir=cache", "script.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    first = START.count("\n") + 1
    found = re.findall(r'^script\.py:(\d+): note: Revealed type is (".*")$', done.stdout, flags=re.MULTILINE)
    assert [int(line) for line, _ in found] == list(range(first, first + len(asked)))
    return dict(zip(asked, (revealed for _, revealed in found), strict=True))


def test_any_would_be_found(seen):
    assert is_any(seen["untyped(X)"])
    assert is_any('"def (X: int) -> Any"')
    assert is_any('"Overload(def (X: int) -> int, def (X: str) -> Any)"')
    assert not is_any('"def (X: Any) -> numpy.ndarray[tuple[Any, ...], numpy.dtype[Any]]"')
    assert not is_any('"def (deep: bool =) -> dict[str, Any]"')


def test_nothing_public_is_any(seen):
    assert len(PUBLIC) >= 24
    assert [one for one, revealed in seen.items() if is_any(revealed)] == ["untyped(X)"]


@pytest.mark.parametrize("name", PUBLIC)
def test_fit_gives_the_estimators_own_type(seen, name):
    kind = getattr(wl, name)
    own = f'"{kind.__module__}.{kind.__qualname__}"'
    assert seen[f"wl.{name}().fit(X, y)"] == seen[f"wl.{name}().set_params().fit(X, y)"] == own
    result = "transform" if hasattr(kind, "transform") else "predict"
    assert seen[f"wl.{name}().fit(X, y).{result}(X)"].startswith('"numpy.ndarray[')
