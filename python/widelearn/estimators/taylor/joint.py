"""A joint net: Taylor terms of several orders, each with a movement of its own."""

from dataclasses import dataclass

import numpy as np

from widelearn.nets import Expansion, TaylorGradient
from widelearn.runtime import Array


@dataclass(frozen=True)
class JointNet:
    """The sum of terms f^(k)(x; W_k), an expansion of one order k for each; their movements lie below each other."""

    terms: tuple[Expansion, ...]
    mode: str = "taylor"

    @property
    def orders(self) -> tuple[int, ...]:
        """Return the orders, one a movement."""
        return tuple(term.orders[0] for term in self.terms)

    @property
    def shape(self) -> tuple[int, int]:
        """Return the shape of all movements together."""
        m, d = self.terms[0].W0.shape
        return len(self.terms) * m, d

    def blocks(self, W: Array) -> list[tuple[int, Array]]:
        """Return every movement with the order k of its penalty Σ_r ‖w_r‖^(2k)."""
        return list(zip(self.orders, np.split(W, len(self.terms)), strict=True))

    def outputs(self, X: Array, W: Array) -> Array:
        """Return the terms' sum at rows: (n, c)."""
        first, *others = self._outputs(X, W)
        return sum(others, first)

    def _outputs(self, X: Array, W: Array) -> list[Array]:
        return [term.outputs(X, part) for term, part in zip(self.terms, np.split(W, len(self.terms)), strict=True)]

    def loss_gradient(
        self,
        X: Array,
        Y: Array,
        W: Array,
        loss: str,
        rng: np.random.RandomState | None = None,
        *,
        offset: Array | None = None,
        sample_weight: Array | None = None,
    ) -> TaylorGradient:
        """Return the mean loss and its derivatives: to each term the others are an offset. Nothing is drawn."""
        outputs, found = self._outputs(X, W), []
        for place, (term, part) in enumerate(zip(self.terms, np.split(W, len(self.terms)), strict=True)):
            others = [*outputs[:place], *outputs[place + 1 :], *([] if offset is None else [offset])]
            rest = sum(others[1:], others[0])
            found.append(term.loss_gradient(X, Y, part, loss, offset=rest, sample_weight=sample_weight))
        return TaylorGradient(found[0].loss, np.concatenate([one.W for one in found]), found[0].residual)
