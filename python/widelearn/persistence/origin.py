"""What a file says of itself beside the model, and whether another version may read it.

``SCHEMA`` counts what files look like. Whoever changes the layout, a kind of value, or what a class of `classes` is
made of adds one to it and gives `older` the step from the number before, so that files of every number since 1 can be
read; a file of each number stays with the tests. A file of a later number is refused.

``STREAMS`` counts the laws by which weights are drawn from seeds. Maps and kernels draw them again from their seed
where they are used, so that a model would predict other values where the law differs: whoever changes one adds one.
"""

from importlib.metadata import version
from typing import Any

from widelearn.runtime import __version__, warn

FORMAT, SCHEMA, STREAMS = "widelearn-model", 1, 1


def stamp() -> dict[str, Any]:
    """Return what each file says first."""
    versions = {"widelearn": __version__} | {name: version(name) for name in ("numpy", "scikit-learn")}
    return {"format": FORMAT, "schema": SCHEMA, "streams": STREAMS, "versions": versions}


def older(header: dict[str, Any]) -> dict[str, Any]:
    """Return a header as this version writes it; ValueError if it is none, or of a later version."""
    schema = header.get("schema")
    if header.get("format") != FORMAT or type(schema) is not int or schema < 1:
        raise ValueError("its header is that of another format")
    if schema > SCHEMA:
        by = str(entry(header.get("versions"), "widelearn"))[:30]
        raise ValueError(f"its schema is {schema}, written by widelearn {by}, and this version reads up to {SCHEMA}")
    return header


def warn_of_others(header: dict[str, Any], path: str) -> None:
    """Warn where the file comes from versions that may compute other values."""
    if header.get("streams") != STREAMS:
        warn(
            f"{path} was written when random weights were drawn by another law ({str(header.get('streams'))[:30]}, now"
            f" {STREAMS}): maps and kernels with weights drawn from a seed predict other values. Load it with widelearn"
            f" {str(entry(header.get('versions'), 'widelearn'))[:30]}, or fit it again."
        )
    now = stamp()["versions"]
    then = {name: str(entry(header.get("versions"), name))[:30] for name in now}
    if changed := [name for name in now if name != "scikit-learn" and series(then[name]) != series(now[name])]:
        said = ", ".join(f"{name} {then[name]} (now {now[name]})" for name in changed)
        warn(
            f"{path} was written with {said}: predictions may differ. Compare some with those that you know, load it"
            " with those versions, or fit it again and save it."
        )


def entry(said: Any, name: str) -> Any:
    """Return an entry of what may be no dictionary."""
    return said.get(name, "unknown") if isinstance(said, dict) else "unknown"


def series(text: str) -> tuple[str, ...]:
    """Return the part of a version within which values stay: the first number, before 1.0 the second, too."""
    numbers = text.split(".")
    return tuple(numbers[: 2 if numbers[0] == "0" else 1])
