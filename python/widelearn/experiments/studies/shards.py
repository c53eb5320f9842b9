"""One part of a study of several, which together are the whole, on whatever machines."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from widelearn.experiments.errors import counted
from widelearn.experiments.studies.spec import Unit


@dataclass(frozen=True)
class Shard:
    """The k-th part of K: every K-th draw, so that each part has some of every cell."""

    number: int
    of: int

    @classmethod
    def read(cls, text: str) -> "Shard":
        """Read "k/K"; ValueError unless 1 <= k <= K."""
        match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise ValueError(f"{text} is no k/K with 1 <= k <= K, as 2/4 is")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        """Write as it is read."""
        return f"{self.number}/{self.of}"

    def units(self, units: Sequence[Unit]) -> list[Unit]:
        """Return its own of all units."""
        return list(units[self.number - 1 :: self.of])


def missing(units: Sequence[Unit], there: Iterable[Unit], texts: Iterable[str | None]) -> str:
    """Say which of all units are not there, and in which shards they are; empty if none."""
    left = sorted(set(units) - set(there))
    if not left:
        return ""
    number = {unit: place for place, unit in enumerate(units)}
    told = (
        f"{counted(len(left), 'unit')} of {len(units):,} missing, the first is draw {left[0][1]} of cell {left[0][0]}"
    )
    sizes = {Shard.read(text).of for text in texts if text is not None}
    if len(sizes) != 1:
        return told
    of = sizes.pop()
    parts = sorted({number[unit] % of + 1 for unit in left})
    return f"{told}: run again, with --resume, {', '.join(f'--shard {part}/{of}' for part in parts[:8])}"
