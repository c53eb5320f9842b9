"""What problems and laws of inputs ask of their arguments."""

from numbers import Integral, Real


def sizes(**values: int) -> None:
    """Refuse what is not a whole number of at least 1."""
    for name, value in values.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}.")


def positive(name: str, value: float) -> float:
    """Return a number that must be positive and finite."""
    if not (isinstance(value, Real) and 0 < value < float("inf")):
        raise ValueError(f"{name} must be positive and finite, got {value!r}.")
    return float(value)


def between(name: str, value: float, low: float, high: float) -> float:
    """Return a number that must lie in a closed interval, whose upper end may be infinite and is then left out."""
    if not (isinstance(value, Real) and low <= value <= high and value < float("inf")):
        raise ValueError(f"{name} must be a finite number from {low:g} to {high:g}, got {value!r}.")
    return float(value)
