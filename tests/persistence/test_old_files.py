"""Files of every schema that was ever written are read, and their models say what they said then."""

import warnings
from pathlib import Path

import numpy as np
import pytest

import widelearn as wl
from widelearn.persistence.origin import SCHEMA

GOLDEN = Path(__file__).parents[1] / "golden"
ARCHIVES = {schema: np.load(GOLDEN / f"saved_models_{schema}.npz") for schema in range(1, SCHEMA + 1)}
NAMES = [(schema, name.removesuffix(" file")) for schema, held in ARCHIVES.items() for name in held if " file" in name]


@pytest.mark.parametrize(("schema", "name"), NAMES)
def test_old_files_are_read(schema, name, tmp_path):
    held = ARCHIVES[schema]
    (tmp_path / "model.wl").write_bytes(held[f"{name} file"].tobytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of another NumPy
        model = wl.load(tmp_path / "model.wl")
    found = (model.transform if hasattr(model, "transform") else model.predict)(held["rows"])
    wanted = held[f"{name} answer"]
    if wanted.dtype.kind == "U":
        assert found.tolist() == wanted.tolist()
    else:
        # Streams and formulas are the same; products may round otherwise on another processor.
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)
