"""Solutions by a triangle of the rows, corrected by their exact residuals."""

from functools import partial
from typing import Any

import numpy as np

from widelearn.ridge.exact_refinement import Confirmed, refine_exactly
from widelearn.ridge.row_passes import RowPasses
from widelearn.ridge.row_triangle import Factor, RowTriangle
from widelearn.runtime import Array

# Errors relative to the targets, left in a corrected solution, beyond which another root of the factor is tried.
LEFT_TO_TRY = 1e-6
# Of exact solutions: no method has better coefficients than those that rounding moves so far.
TOO_MUCH_OF_COEFFICIENTS = 1e-3


def refine_factor(
    triangle: RowTriangle, rows: RowPasses, alpha: float, factor: Factor, targets: Any
) -> Confirmed | None:
    """Return some targets' solution of a triangle's factor that exact residuals correct; None where none converges."""
    found = None
    # Rounding of directions in which no row varies is small beside large penalties alone.
    for root in [factor.whole] * (factor.whole is not factor.root) + [factor.root]:
        if found is None or found.left > LEFT_TO_TRY:
            start, correct = factor.coef[:, targets], partial(through, root)
            options = {"targets": targets, "unseen": factor.units[:, None] * triangle.null}
            found = refine_exactly(triangle.system, alpha, start, correct, rows, **options) or found
    return found


def through(root: Array, gradient: Array) -> Array:
    """Return W W' times a gradient."""
    return np.asarray(root @ (root.T @ gradient))
