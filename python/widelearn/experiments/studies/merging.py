"""Rows of a study from several folders, put together: of one question, none missing, none there twice differently."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from widelearn.experiments import store, studies
from widelearn.experiments.errors import InputError, complain, counted
from widelearn.experiments.studies import choices, ledger, shards, sources
from widelearn.experiments.studies.folder import ROWS
from widelearn.experiments.studies.runner import Order
from widelearn.experiments.studies.spec import Spec

# So many missing units are looked for by name.
MOST_MISSING = 10_000_000
Study = Spec | str | os.PathLike[str] | None


@dataclass(frozen=True)
class Part:
    """What one folder holds of a study."""

    path: Path
    header: Mapping[str, Any]
    rows: ledger.Kept

    @property
    def shard(self) -> str | None:
        """Which shard it is, if any."""
        found: str | None = self.header["asked"]["shard"]
        return found


def parts(folders: Sequence[Path]) -> dict[str, list[Part]]:
    """Return what these folders of runs, or of studies, hold of each study; InputError where there is nothing."""
    found: dict[str, list[Part]] = {}
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder" if folder.exists() else f"there is no folder {folder}")
        places = [path for path in (folder, *sorted(folder.iterdir())) if (path / ROWS).is_file()]
        if not places:
            raise InputError(
                f"{folder} holds no study: {ROWS}, which `widelearn run` writes, is not there; nor is results.json of"
                " `widelearn compare`, which `widelearn report` draws anew"
            )
        for path in places:
            part = _part(path)
            found.setdefault(part.header["study"], []).append(part)
    return found


def _part(path: Path) -> Part:
    header, rows = ledger.load(path / ROWS)
    asked: Any = header.get("asked")
    good = (
        isinstance(asked, dict)
        and isinstance(header.get("study"), str)
        and isinstance(header.get("settings"), dict)
        and isinstance(header.get("versions"), dict)
        and isinstance(header.get("code"), str)
        and all(type(header.get(key)) is int for key in ("seed", "threads"))
        and type(asked.get("draws")) is int
        and type(asked.get("quick")) is bool
        and isinstance(asked.get("shard"), str | None)
    )
    if not good:
        raise InputError(f"{path / ROWS} is not of this version of widelearn: run the study again")
    try:
        if asked["shard"] is not None:
            shards.Shard.read(asked["shard"])
    except ValueError as error:
        raise InputError(f"{path / ROWS} is damaged, {error}") from error
    return Part(path, header, rows)


def whole(some: Sequence[Part], study: Study) -> tuple[Order, ledger.Kept]:
    """Return the order that the parts answer together, and all its rows.

    Raises
    ------
    InputError
        They are of different questions or another version, or units are missing, unknown or doubly different.
    """
    first = some[0]
    for other in some[1:]:
        if apart := store.differences(_question(other), _question(first)):
            raise InputError(f"{other.path} and {first.path} are of other settings or versions; different: {apart}")
    order = _order(first, _spec(first, study))
    # A number in a file must not make a list of that length.
    there = sum(len(part.rows) for part in some)
    if (asked := order.spec.count(order.settings)) > MOST_MISSING + there:
        raise InputError(f"{first.path} asks for {asked:,} units, of which {there:,} are there: run it again")
    units = order.spec.units(order.settings)
    rows: ledger.Kept = {}
    owner: dict[tuple[int, int], Path] = {}
    for part in some:
        for unit, found in part.rows.items():
            place = f"draw {unit[1]} of cell {unit[0]}"
            if rows.setdefault(unit, found) != found:
                raise InputError(f"{owner[unit]} and {part.path} differ at {place}: one of them is damaged")
            owner.setdefault(unit, part.path)
    known = set(units)
    if strange := sorted(unit for unit in rows if unit not in known):
        draws = order.settings["draws"]
        what = f"{counted(len(strange), 'unit')} that are none of the study's with {draws} draws"
        raise InputError(f"{owner[strange[0]]} holds {what}: run it again")
    if left := shards.missing(units, rows, [part.shard for part in some]):
        raise InputError(f"{', '.join(str(part.path) for part in some[:8])}: {left}")
    return order, rows


def _question(part: Part) -> dict[str, Any]:
    asked = {key: one for key, one in part.header["asked"].items() if key != "shard"}
    return {**part.header, "asked": asked}


def _spec(part: Part, study: Study) -> Spec:
    """Return the study of rows; a file is run only if the user names it now."""
    name = part.header["study"]
    if isinstance(study, Spec):
        spec = study
    elif study is not None:
        spec = studies.find(os.fspath(study))
    elif name in studies.NAMES or name in sources.offered():
        spec = studies.find(name)
    else:
        raise InputError(f"{part.path} is of a study {name!r} that is not known here: name its file by --study FILE.py")
    if spec.name != name:
        raise InputError(f"{part.path} is of the study {name!r}, not of {spec.name!r}")
    return spec


def _order(part: Part, spec: Spec) -> Order:
    header, asked = part.header, part.header["asked"]
    texts = spec.settings_for(asked["quick"])
    try:
        settings = choices.restored(header["settings"] | {"draws": asked["draws"]}, texts)
    except ValueError as error:
        raise InputError(f"{part.path / ROWS} is damaged or of another version: {error}") from error
    made = {"versions": header["versions"], "code": header["code"]}
    order = Order(spec, settings, asked["quick"], header["seed"], header["threads"], made)
    now = Order.of(spec).rows_question()
    ours, theirs = now["versions"]["widelearn"], header["versions"].get("widelearn")
    if ours != theirs or header["schema"] != now["schema"]:
        raise InputError(f"{part.path} is of widelearn {theirs}, this is {ours}: judge it by that, or run it again")
    others = store.differences(
        {"versions": header["versions"], "code": header["code"]}, {key: now[key] for key in made}
    )
    if others:
        complain(f"the rows in {part.path} were made with other versions: {others}")
    return order
