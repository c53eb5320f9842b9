"""When true directions appear in a first layer, as a picture on axes of a user's own."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from widelearn.diagnostics.feature_progress import AXES, Emergence, emergence


class EmergenceDisplay:
    """Draw what neurons have of true directions over a training, and when all directions have a neuron.

    It follows scikit-learn's displays: :meth:`from_estimator` makes and draws one, :meth:`plot` draws it again.

    Parameters
    ----------
    found : Emergence
        What :func:`emergence` measured.

    Attributes
    ----------
    emergence : Emergence
        The measured cosines, shares and scores, with their iterations.
    ax_ : matplotlib Axes
        What was drawn to; there after :meth:`plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    Raises
    ------
    TypeError
        If `found` is no Emergence.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import Emergence, EmergenceDisplay
    >>> half = np.array([0.2, 0.9])
    >>> found = Emergence(np.array([0, 10]), half[:, None], half, half, np.array([0.5, 0.6]))
    >>> shown = EmergenceDisplay(found).plot(level=0.8)
    >>> len(
    ...     shown.ax_.lines
    ... )  # a cosine, two shares, the score, the level and where it is reached
    6
    """

    def __init__(self, found: Emergence) -> None:
        if not isinstance(found, Emergence):
            raise TypeError(f"found must be the Emergence that emergence() returns, got {found!r:.60}.")
        self.emergence = found

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: ArrayLike,
        y: ArrayLike,
        directions: ArrayLike,
        *,
        X_fresh: ArrayLike | None = None,
        y_fresh: ArrayLike | None = None,
        every: int = 1,
        sample_weight: ArrayLike | None = None,
        level: float | None = None,
        ax: Any = None,
    ) -> Self:
        """Train a fitted two-layer net again as :func:`emergence` does, and draw what its neurons have of directions.

        Parameters
        ----------
        model : TwoLayerRegressor or TwoLayerClassifier
            Fitted, with ``algorithm`` "gd" or "algorithm1".
        X, y : array-like
            The rows and targets of its fit.
        directions : array-like of shape (r, d)
            True directions.
        X_fresh, y_fresh : array-like, optional
            Rows and targets to score.
        every : int, default=1
            Iterations between two moments.
        sample_weight : array-like of shape (n,), optional
            Weights of the rows.
        level : float or None, default=None
            A |cos|: drawn with the first moment at which every direction has a neuron of at least this much.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        EmergenceDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError, TypeError, ValueError
            As :func:`emergence`, and if `ax` or `level` are none.

        Notes
        -----
        Costs the fit once more.

        Examples
        --------
        >>> import numpy as np
        >>> from widelearn import TwoLayerClassifier
        >>> from widelearn.datasets import parity
        >>> from widelearn.diagnostics import EmergenceDisplay
        >>> data = parity(400, 12, 2, random_state=0)
        >>> net = TwoLayerClassifier.preset("parity", max_iter=40, random_state=0)
        >>> model, goals = net.fit(data.X, data.y), np.eye(12)[data.support]
        >>> shown = EmergenceDisplay.from_estimator(model, data.X, data.y, goals, every=20)
        >>> shown.emergence.steps.tolist()
        [0, 20, 40]
        """
        check_level(level)
        options: dict[str, Any] = {
            "X_fresh": X_fresh,
            "y_fresh": y_fresh,
            "every": every,
            "sample_weight": sample_weight,
        }
        return cls(emergence(model, X, y, directions, **options)).plot(ax, level=level)

    def plot(self, ax: Any = None, *, level: float | None = None) -> Self:
        """Draw cosines, shares and scores over iterations, and return the display.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        level : float or None, default=None
            A |cos| in (0, 1], drawn as a level; a line marks where every direction first has a neuron of as much.

        Returns
        -------
        EmergenceDisplay
            Itself, with `ax_` and `figure_`.

        Raises
        ------
        TypeError, ValueError
            If `ax` is no Axes, or `level` no cosine.
        """
        check_level(level)
        from widelearn import plots

        self.ax_ = plots.curves(self.emergence.curves, plots.axes_of(ax, 6.4, 4.8))
        self.ax_.set(**AXES)
        if level is not None:
            style: dict[str, Any] = {"color": "#475569", "linewidth": 0.9, "linestyle": ":"}
            self.ax_.axhline(level, **style)
            first = self.emergence.reached(level)
            if first is not None:
                self.ax_.axvline(first, **style)
        self.figure_ = self.ax_.figure
        return self


def check_level(level: Any) -> None:
    """Refuse what is no cosine."""
    number = isinstance(level, int | float | np.integer | np.floating) and not isinstance(level, bool)
    if level is not None and not (number and 0 < level <= 1):
        raise ValueError(f"level must be a cosine in (0, 1] or None, got {level!r:.60}.")
