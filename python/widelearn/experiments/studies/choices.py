"""Settings of a study that the user changes: known names, and values of the kind that stands there."""

import ast
import math
from collections.abc import Mapping, Sequence
from typing import Any

from widelearn.experiments.errors import InputError, nearest


def changed(settings: Mapping[str, Any], changes: Mapping[str, str], of: str) -> dict[str, Any]:
    """Return settings with changes in them, each value read as the one that it replaces.

    Raises
    ------
    InputError
        There is no such setting, or the value is of another kind.
    """
    made = dict(settings)
    for key, text in changes.items():
        if key not in settings:
            raise InputError(f"{of} has no setting {key!r}: {nearest(key, list(settings))}")
        made[key] = _read(key, text, settings[key])
    return made


def replaced(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with other values in them, each of the kind of the one that it replaces.

    Raises
    ------
    InputError
        There is no such setting, or the value is of another kind.
    """
    made = dict(settings)
    for key, found in changes.items():
        if key not in settings:
            raise InputError(f"there is no setting {key!r}: {nearest(str(key), list(settings))}")
        like = settings[key]
        try:
            made[key] = found if isinstance(like, str) and isinstance(found, str) else _fitted(found, like)
        except (ValueError, TypeError, RecursionError) as error:
            raise InputError(f"{key}={found!r} is not {_kind(like)}, as {_written(like)} is") from error
    return made


def pairs(texts: Sequence[str]) -> dict[str, str]:
    """Take "key=value" apart."""
    found = {}
    for text in texts:
        key, sign, given = text.partition("=")
        if not sign or not key.strip():
            raise InputError(f"--set {text}: write key=value")
        found[key.strip()] = given.strip()
    return found


def restored(found: Mapping[str, Any], like: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings that JSON kept as those of a study; ValueError if they are none of it."""
    if found.keys() != like.keys():
        raise ValueError(f"settings {', '.join(sorted(found.keys() ^ like.keys()))} are not on both sides")
    return replaced(like, found)


def _read(key: str, text: str, like: Any) -> Any:
    """Read a value of the kind of another."""
    if isinstance(like, str):
        return text
    try:
        return _fitted(ast.literal_eval(text), like)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise InputError(f"--set {key}={text[:60]} is not {_kind(like)}, as {_written(like)} is") from error


def _fitted(found: Any, like: Any) -> Any:
    """Return a value as one of the kind of another; ValueError if it is none."""
    if isinstance(like, tuple):
        parts = found if isinstance(found, tuple | list) else (found,)
        alike = all(type(part) is type(like[0]) for part in like)
        if not parts or (not alike and len(parts) != len(like)):
            raise ValueError
        wanted = [like[0]] * len(parts) if alike else like
        return tuple(_fitted(part, one) for part, one in zip(parts, wanted, strict=True))
    if isinstance(like, float) and isinstance(found, int) and not isinstance(found, bool):
        found = float(found)
    if type(found) is not type(like):
        raise ValueError
    if not isinstance(found, str | bool) and not min(like, type(like) is int) <= found < math.inf:
        raise ValueError
    return found


def _kind(like: Any) -> str:
    """Say of which kind a value is."""
    if isinstance(like, tuple):
        return f"a list (1,2,...), each {_kind(like[0])}" if like else "a list"
    kinds = {bool: "True or False", int: "a whole number, 1 or more", float: "a number, 0 or more", str: "a text"}
    return kinds[type(like)]


def _written(like: Any) -> str:
    return ",".join(map(str, like)) if isinstance(like, tuple) else str(like)
