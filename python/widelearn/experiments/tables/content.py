"""What the cells of one column hold once they are read: numbers, texts, how often, and what becomes of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from widelearn.experiments.errors import InputError, counted, listing
from widelearn.experiments.tables.readings import Reading

if TYPE_CHECKING:
    import pandas as pd

# One-hot columns: at most so many in all, and per column no more than training rows can fill.
MOST_ENCODED = 2048
PARTS = ("days", "month", "weekday", "hour")


@dataclass(frozen=True)
class Content:
    """The cells of one column as they were read: parts that are numbers, and texts (none, or one a row)."""

    parts: dict[str, NDArray[np.float64]]
    texts: NDArray[np.object_]

    @staticmethod
    def of(reading: Reading, column: pd.Series, check: bool = False) -> Content:
        """Read a column; words among numbers are texts, None elsewhere. `check` refuses numbers with other marks."""
        if reading.kind == "text":
            return Content({}, reading.text(column))
        values, texts = reading.read(column, check)
        parts = {reading.name: values}
        if reading.kind == "date":
            parts = dict(zip([f"{reading.name} ({part})" for part in PARTS], date_parts(values), strict=True))
        return Content(parts, texts)

    def take(self, rows: NDArray[np.intp] | None) -> Content:
        """Return some of the rows."""
        if rows is None:
            return self
        texts = self.texts[rows] if len(self.texts) else self.texts
        texts = texts if not self.parts or any(text is not None for text in texts) else texts[:0]
        return Content({name: values[rows] for name, values in self.parts.items()}, texts)

    @cached_property
    def known(self) -> int:
        """Cells that are there."""
        numbers = int(np.isfinite(next(iter(self.parts.values()))).sum()) if self.parts else 0
        return numbers + sum(text is not None for text in self.texts)

    @cached_property
    def distinct(self) -> int:
        """Different cells that are there."""
        values = next(iter(self.parts.values())) if self.parts else np.empty(0)
        return len(np.unique(values[~np.isnan(values)])) + len(set(self.texts.tolist()) - {None})

    def summary(self, column: pd.Series, rows: int) -> dict[str, Any]:
        """Return what the table of columns says: missing, distinct, examples."""
        import pandas as pd

        first = dict.fromkeys(str(cell)[:30] for cell in list(column.array[:50]) if not pd.isna(cell))
        return {"missing": rows - self.known, "distinct": self.distinct, "examples": list(first)[:3]}


def date_parts(days: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return days since 1970, month, weekday (Monday is 0) and hour."""
    import pandas as pd

    whole = np.floor(days)
    times = pd.DatetimeIndex(
        np.where(np.isnan(days), np.datetime64("NaT"), np.datetime64("1970-01-01"))
        + pd.to_timedelta(np.nan_to_num(whole), unit="D")
    )
    return days, times.month.to_numpy(np.float64), (whole + 3) % 7, (days - whole) * 24.0


def varies(values: NDArray[np.float64]) -> bool:
    """Whether at least two different cells (a missing one is a value too) occur."""
    missing = np.isnan(values)
    known = values[~missing]
    return bool(len(known) and (missing.any() or known.min() < known.max()))


def frequent(texts: NDArray[np.object_], room: int, missing: bool) -> tuple[list[str | None], bool]:
    """Return the values with a column of their own, missing ones first, and whether there are others."""
    counts = Counter(texts.tolist())
    gone = counts.pop(None, 0)
    fewest = max(2, len(texts) // 2000)
    common = [text for text, count in counts.most_common(room) if count >= fewest]
    labels: list[str | None] = [None] if gone and missing else []
    return labels + sorted(common), len(common) < len(counts)


def done(kept: list[str], labels: list[str | None], others: bool) -> str:
    """Say what became of a column."""
    steps = [f"{counted(len(kept), 'number')}, scaled"] if kept else []
    steps += (
        [f"{counted(len(labels) + others, '0/1 column')}" + (", rare values as one" if others else "")]
        if labels or others
        else []
    )
    return "; ".join(steps)


def room_for(frame: pd.DataFrame, rows: int) -> int:
    """Return how many values of one column may have a column of their own: by the rows that fill them, and by cost."""
    texts = sum(column.dtype.kind not in "biufmM" for _, column in frame.items())
    return max(4, min(max(32, rows // 4), MOST_ENCODED // max(1, texts)))


def framed(frame: Any, fitted: NDArray[np.object_] | None = None) -> pd.DataFrame:
    """Return a pandas frame with text names; an array gets x0, x1, ... or the fitted names."""
    import pandas as pd

    if hasattr(frame, "to_pandas"):
        frame = frame.to_pandas()
    if not isinstance(frame, pd.DataFrame):
        if np.ndim(frame) != 2:
            raise InputError(f"expected a table, two dimensions: reshape your data (got {np.ndim(frame)} dimensions)")
        frame = pd.DataFrame(frame)
        names = [f"x{k}" for k in range(frame.shape[1])] if fitted is None else list(fitted)
        if len(names) != frame.shape[1]:
            raise InputError(
                f"X has {frame.shape[1]} features, but TablePreparation is expecting {len(names)} features as input"
            )
        frame.columns = pd.Index(names)
    if len(set(frame.columns)) < frame.shape[1]:
        raise InputError(f"columns share a name: {listing(frame.columns[frame.columns.duplicated()])}")
    return frame if all(isinstance(name, str) for name in frame.columns) else frame.rename(columns=str)
