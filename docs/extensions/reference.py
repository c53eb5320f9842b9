"""Write a page for each public name of the package, and a table of each room's: a new name appears by itself."""

import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Any

import widelearn as wl

FOLDER = Path(__file__).parents[1] / "reference" / "generated"
NOTE = ".. made when the documentation is built, from the package's __all__ lists\n\n"


def rooms() -> dict[str, ModuleType]:
    """Return the package and its rooms that say what is public, by dotted name."""
    found = [importlib.import_module(f"widelearn.{one.name}") for one in pkgutil.iter_modules(wl.__path__) if one.ispkg]
    return {room.__name__: room for room in [wl, *found] if hasattr(room, "__all__")}


def entries() -> dict[str, Any]:
    """Return every public name by the dotted name of its page: an object has one page, where it stands first."""
    pages: dict[str, Any] = {}
    seen: set[int] = set()
    for room, module in rooms().items():
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.ismodule(value) or id(value) in seen:
                continue
            seen.add(id(value))
            pages[f"{room}.{name}"] = value
    return pages


def listed(room: str, pages: dict[str, Any]) -> list[str]:
    """Return the dotted names of pages that a room's names lead to."""
    homes = {id(value): name for name, value in pages.items()}
    values = (getattr(rooms()[room], name) for name in rooms()[room].__all__)
    return [homes[id(value)] for value in values if not inspect.ismodule(value)]


def page(name: str, value: Any) -> str:
    """Return the page of a class, a function or a value."""
    room, short = name.rsplit(".", 1)
    title = f"{name.removeprefix('widelearn.')}\n{'=' * len(name)}\n\n.. currentmodule:: {room}\n\n"
    if inspect.isclass(value):
        return f"{NOTE}{title}.. autoclass:: {short}\n   :members:\n   :inherited-members:\n"
    kind = "autofunction" if callable(value) else "autodata"
    return f"{NOTE}{title}.. {kind}:: {short}\n"


def room_page(room: str, pages: dict[str, Any]) -> str:
    """Return a room's page: what it says of itself, and a table of its names."""
    names = listed(room, pages)
    own = [f"   {name}" for name in names if name.rsplit(".", 1)[0] == room]
    rows = "\n".join(f"   {name.removeprefix(room + '.') if f'   {name}' in own else '~' + name}" for name in names)
    parts = [
        f"{NOTE}{room}\n{'=' * len(room)}\n",
        f".. automodule:: {room}\n   :no-members:\n",
        f".. currentmodule:: {room}\n",
        f".. autosummary::\n   :nosignatures:\n\n{rows}\n",
    ]
    if own:
        parts.append(".. toctree::\n   :hidden:\n\n" + "\n".join(own) + "\n")
    return "\n".join(parts)


def write(folder: Path = FOLDER) -> None:
    """Write all pages that changed, and remove those whose names are gone."""
    pages = entries()
    texts = {f"{name}.rst": page(name, value) for name, value in pages.items()}
    texts |= {f"room-{room}.rst": room_page(room, pages) for room in rooms()}
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.rst"):
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def foreign(app: Any, what: str, name: str, value: object, skip: bool, options: object) -> bool | None:
    """Leave out methods that a class has from another package, whose docstrings speak of pages that are not here."""
    code = inspect.unwrap(value) if callable(value) else getattr(value, "fget", None)
    home = getattr(code, "__module__", None)
    return True if what == "class" and home is not None and home.split(".")[0] != "widelearn" else None


def setup(app: Any) -> dict[str, bool]:
    """Write the pages before they are looked for."""
    app.connect("config-inited", lambda app, config: write())
    app.connect("autodoc-skip-member", foreign)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
