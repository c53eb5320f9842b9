"""Fitted state of estimators and feature maps: made on a draft of the object, and kept at one stroke."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar, cast

from sklearn.utils.validation import check_is_fitted

Estimator = TypeVar("Estimator")
Method = TypeVar("Method", bound=Callable[..., Any])


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


def on_draft(method: Method) -> Method:
    """Let a method fit a draft in place of its object, of which that is kept unless anything is raised."""

    @functools.wraps(method)
    def called(estimator: Any, *args: Any, **kwargs: Any) -> Any:
        with refitting(estimator) as draft:
            found = method(draft, *args, **kwargs)
        return estimator if found is draft else found

    return cast("Method", called)


class Trainable(Protocol):
    """A training that runs to its end, and can be shown wherever it stands."""

    @property
    def moved(self) -> bool:
        """Whether it has made a step away from its start."""

    def follow(self) -> None:
        """Run to the end."""

    def show(self, draft: Any) -> None:
        """Put where it stands on the draft of an estimator."""


def run_and_keep(estimator: Estimator, draft: Estimator, training: Trainable) -> Estimator:
    """Run a training and keep where it ends; where Ctrl-C stops it, what it has reached, but never its mere start."""
    try:
        training.follow()
    except KeyboardInterrupt:
        if training.moved:
            training.show(draft)
            keep(estimator, draft)
        raise
    training.show(draft)
    return keep(estimator, draft)


def snapshot(estimator: Any) -> Any:
    """Return the estimator as it is fitted now, whatever other threads fit; an unfitted one is refused."""
    # Not copied: `keep` replaces them and leaves the old ones as they are.
    found = with_attributes(estimator, vars(estimator))
    # What `keep` has left tells at once that it is fitted.
    if not vars(found).get("_kept"):
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
    """Whether fits set an attribute of this name: it begins or ends with one underscore."""
    private = name.startswith("_") and not name.startswith("__")
    return private or (name.endswith("_") and not name.endswith("__"))
