"""The kernel and the penalty that are chosen together."""

from collections.abc import Iterable
from typing import Any

from widelearn.estimators.choice import Choice
from widelearn.estimators.kernel_ridge.linear import LinearProblem, by_columns
from widelearn.estimators.kernel_ridge.model import KernelProblem, is_precomputed, kernel_of
from widelearn.kernels import Kernel, Linear
from widelearn.kernels.mixtures import Grams
from widelearn.runtime import Array

NO_KERNEL = "kernel must name at least one kernel, and a list may not hold 'precomputed'."


def choose_kernel(
    kernels: Iterable[Kernel | str], penalty: Any, *problem: Any
) -> tuple[KernelProblem | LinearProblem, Choice]:
    """Return the problem of the kernel whose penalty, chosen by an object, has the best score; and the choice."""
    best: tuple[KernelProblem | LinearProblem, Choice] | None = None
    candidates = list(kernels)
    grams = Grams(candidates, len(problem[1]))
    for kernel in candidates:
        given = KernelProblem(kernel, *problem)
        given.grams = grams
        linear = type(kernel) is Linear and by_columns(given, penalty.units.penalties(penalty.alphas))
        tried = LinearProblem(given, path=True) if linear else given
        choice = penalty.choose(tried)
        tried.rest()
        # A choice without a merit is an error where there are two, not a kernel that loses.
        if best is None or choice.merit > best[1].merit:
            best = tried, choice
    if best is None:
        raise ValueError(NO_KERNEL)
    return best


def kernels_of(kernel: Any, X: Array) -> list[Kernel | str]:
    """Return the kernels that a parameter lets choose from at rows X."""
    if not isinstance(kernel, list | tuple):
        return [kernel_of(kernel, X)]
    return [] if any(is_precomputed(one) for one in kernel) else [kernel_of(one, X) for one in kernel]
