"""The recipes for nets of JAX run, and say what they should: in processes of their own, as its threads forbid forks."""

import re
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def printed(name):
    """The numbers that an example prints."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / name)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    return {name: float(value) for name, value in re.findall(r"^(.*): (\S+)$", run.stdout, flags=re.MULTILINE)}


def test_the_recipe_for_jax_holds():
    found = printed("tangent_of_jax.py")
    assert found["parameters"] == 3 * 32 + 32 + 32 * 32 + 32 + 32 + 1
    # Sums of 1,217 products in doubles; the solves have a condition number of some 1e5.
    assert found["kernel beside J Jᵀ"] < 1e-13
    assert found["products beside J Jᵀ"] < 1e-10
    assert found["linearised net beside kernel ridge"] < 1e-9
    assert found["unexplained variance of new rows"] < 0.2


def test_the_recipe_for_factors_of_layers_holds():
    found = printed("factors_of_jax.py")
    assert found["parameters"] == 10 * 5 + 181 * 20 + 21 * 2
    # Sums of 3,712 products in doubles; the system has a condition number of 210.
    assert found["trace beside J Jᵀ"] < 1e-13
    assert found["full beside J Jᵀ"] < 1e-13
    assert found["linearised net by factors beside that by J"] < 1e-12
