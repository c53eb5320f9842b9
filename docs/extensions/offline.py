"""Refuse a build whose pages a browser could not show without a network."""

import re
from pathlib import Path
from typing import Any

# What a browser loads by itself; a link that a reader may follow is none of these.
LOADED = re.compile(
    r"<(?:script|img|iframe|link|source|video|audio|embed|object)\b[^>]*?\s(?:src|href|data|srcset)=[\"'](?:https?:)?//[^\"']*"
    r"|(?:url\(|@import\s)\s*[\"']?(?:https?:)?//[^)\"']*"
)


def remote(folder: Path) -> list[str]:
    """Return what pages and styles below a folder would load from elsewhere."""
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in {".html", ".css"}]
    found = ((path, LOADED.search(path.read_text(encoding="utf-8"))) for path in files)
    return [f"{path.relative_to(folder)}: {match[0]}" for path, match in found if match]


def check(app: Any, exception: Exception | None) -> None:
    """Look through what was built, if it was."""
    if exception is None and (found := remote(Path(app.outdir))):
        raise RuntimeError(f"{len(found)} files would load from a network, such as {found[0]}")


def setup(app: Any) -> dict[str, bool]:
    """Look when all is written."""
    app.connect("build-finished", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
