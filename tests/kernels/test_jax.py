"""The recipe for nets of JAX runs, and says what it should: in a process of its own, for JAX's threads forbid forks."""

import re
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "tangent_of_jax.py"


def test_the_recipe_for_jax_holds():
    run = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLE)], capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0, run.stderr
    found = {name: float(value) for name, value in re.findall(r"^(.*): (\S+)$", run.stdout, flags=re.MULTILINE)}
    assert found["parameters"] == 3 * 32 + 32 + 32 * 32 + 32 + 32 + 1
    # Sums of 1,217 products in doubles; the solves have a condition number of some 1e5.
    assert found["kernel beside J Jᵀ"] < 1e-13
    assert found["products beside J Jᵀ"] < 1e-10
    assert found["linearised net beside kernel ridge"] < 1e-9
    assert found["unexplained variance of new rows"] < 0.2
