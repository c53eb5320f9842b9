"""What the user asked of a table's reading, and what was decided for its whole file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Dialect:
    """Decide once for a file how its cells are cut and read; None leaves the choice to the file.

    Parameters
    ----------
    sep : str or None
        What separates fields of text; " " is any run of blanks.
    decimal : {".", ",", "", None}
        The decimal mark; "" where the file does not tell: then no number with a mark is read.
    thousands : str or None
        Every mark that groups digits: of ``, . '`` and a blank.
    encoding : str or None
    na : tuple of str
        Cells that are missing, beside the usual ones; in the target, too.
    header : bool or None
        Whether the first line names the columns.
    skip_rows : int
        Lines before the header.
    sheet : str or None
        The sheet of a workbook, by its name or its number from 1.
    drop, keep, categories, numbers, dates : tuple of str
        Columns left out; never taken for identifiers; read as this kind.
    day_first : bool or None
        03/04/2020 is the third of April; None where nothing tells: then such dates stay text.
    width : int or None
        Columns of the file.
    decided : bool
        Whether a file was read: then a later file has to agree.

    Examples
    --------
    >>> Dialect.from_dict(Dialect(sep=";", na=("x",)).to_dict()) == Dialect(sep=";", na=("x",))
    True
    """

    sep: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    encoding: str | None = None
    na: tuple[str, ...] = ()
    header: bool | None = None
    skip_rows: int = 0
    sheet: str | None = None
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    day_first: bool | None = None
    width: int | None = None
    decided: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON has them."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Dialect:
        """Undo `to_dict`; unknown fields are a ValueError."""
        names = {field.name for field in dataclasses.fields(Dialect)}
        if unknown := sorted(set(data) - names):
            raise ValueError(f"a dialect has no field {', '.join(map(repr, unknown))}: there are {', '.join(names)}")
        fields: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in data.items()}
        return Dialect(**fields)

    def but(self, **changes: Any) -> Dialect:
        """Return a copy with these fields changed."""
        return dataclasses.replace(self, **changes)
