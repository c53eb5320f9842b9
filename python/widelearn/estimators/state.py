"""Fitted state: made on a draft of the estimator, and kept at one stroke."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sklearn.utils.validation import check_is_fitted

Estimator = TypeVar("Estimator")


def draft_of(estimator: Estimator) -> Estimator:
    """Return an estimator with all but what its last fit set: what a fit may fill and drop."""
    return with_attributes(estimator, unfitted(estimator))


def keep(estimator: Estimator, draft: Estimator) -> Estimator:
    """Replace all that was fitted by what a draft was fitted to, by one assignment, and return the estimator.

    Until then the estimator answers as before, to other threads too. Parameters, also those set meanwhile, stay, and so
    do attributes that others have set, whatever their names.
    """
    before, after = unfitted(estimator), vars(draft)
    fitted = {
        name: value
        for name, value in after.items()
        if is_fitted_name(name) and (name not in before or before[name] is not value)
    }
    estimator.__dict__ = before | fitted | {"_kept": tuple(fitted)}
    return estimator


@contextmanager
def refitting(estimator: Any, *, further: bool = False) -> Iterator[Any]:
    """Give a draft, with what was fitted before if it is fitted further; keep it unless anything is raised."""
    draft = with_attributes(estimator, dict(vars(estimator))) if further else draft_of(estimator)
    yield draft
    keep(estimator, draft)


def run_and_keep(
    estimator: Estimator, draft: Estimator, run: Callable[[], None], show: Callable[[Any], Any]
) -> Estimator:
    """Run a training, show on a draft where it stands, and keep that; also where Ctrl-C stops it."""
    try:
        run()
    except KeyboardInterrupt:
        show(draft)
        keep(estimator, draft)
        raise
    show(draft)
    return keep(estimator, draft)


def snapshot(estimator: Any) -> Any:
    """Return the estimator as it is fitted now, whatever other threads fit; an unfitted one is refused."""
    # Not copied: `keep` replaces them and leaves the old ones as they are.
    found = with_attributes(estimator, vars(estimator))
    check_is_fitted(found)
    return found


def with_attributes(estimator: Estimator, attributes: dict[str, Any]) -> Estimator:
    """Return another object of an estimator's class."""
    found = object.__new__(type(estimator))
    found.__dict__ = attributes
    return found


def unfitted(estimator: Any) -> dict[str, Any]:
    """Return an estimator's attributes without those that its last fit set."""
    attributes = dict(vars(estimator))
    for name in attributes.pop("_kept", ()):
        attributes.pop(name, None)
    return attributes


def is_fitted_name(name: str) -> bool:
    """Whether fits set an attribute of this name: it ends with an underscore, or is the private model."""
    return name == "_model" or (name.endswith("_") and not name.endswith("__"))
