"""What there is to say of inexact solutions: at once, or of many solutions the worst alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from scipy.linalg import LinAlgWarning

from widelearn.runtime import warn


class Complaint(NamedTuple):
    """How bad it is, whether digits are lost for certain first, what is said, and of which solution."""

    severity: tuple[bool, float]
    message: str
    which: str


class Gathered:
    """Complaints of many solutions, and which one is being solved."""

    def __init__(self) -> None:
        self.said: list[Complaint] = []
        self.which = ""


OPEN: ContextVar[Gathered | None] = ContextVar("OPEN", default=None)


def complain_once(message: str, *, singular: bool = False, severity: float = 0.0) -> None:
    """Warn of a solution in a LinAlgWarning; what gathers complaints warns in its place, of the worst."""
    gathered = OPEN.get()
    if gathered is None:
        warn(message, LinAlgWarning)
    else:
        gathered.said.append(Complaint((singular, severity), message, gathered.which))


@contextmanager
def worst_complaint() -> Iterator[Gathered]:
    """Warn at the end of the worst of all complaints, with how many solutions gave one."""
    gathered = Gathered()
    token = OPEN.set(gathered)
    try:
        yield gathered
    finally:
        OPEN.reset(token)
    if gathered.said:
        worst = max(gathered.said, key=lambda one: one.severity)
        others = len({one.which for one in gathered.said}) - 1
        more = f", and for {others} other{'s' if others > 1 else ''}" if others else ""
        warn(f"{worst.message} So for {worst.which}{more}.", LinAlgWarning)
