"""Let docstrings write formulas as plain text, `f_-i(x_i)` and `|w|`, which reStructuredText reads otherwise."""

import re
from typing import Any

# What stays as it is: literals, roles and their texts, what is escaped already. Then what is escaped: an underscore at
# the end of a word, which would be a link, and a bar, which would be a substitution.
PIECES = re.compile(r"(?P<kept>``.*?``|`[^`]*`|\\.)|(?<=\w)(?P<link>_+)(?!\w)|(?P<bar>\|)", flags=re.DOTALL)


def escaped(text: str) -> str:
    """Escape underscores at the end of words, and bars."""
    return PIECES.sub(lambda found: found["kept"] or "".join(f"\\{sign}" for sign in found[0]), text)


def paragraphs(lines: list[str]) -> list[tuple[bool, list[str]]]:
    """Cut lines into blocks, and tell whether each is code: an example, or indented below a line that ends with ::."""
    blocks: list[tuple[bool, list[str]]] = []
    above: int | None = None
    for line in lines:
        blank, indent = not line.strip(), len(line) - len(line.lstrip())
        if above is not None and not blank and indent <= above:
            above = None
        example = line.lstrip().startswith(">>>") or (not blank and bool(blocks) and blocks[-1][0] and above is None)
        code = above is not None or example
        if blank or not blocks or blocks[-1][0] != code:
            blocks.append((code and not blank, []))
        blocks[-1][1].append(line)
        if not code and line.rstrip().endswith("::"):
            above = indent
    return blocks


def process(app: Any, what: str, name: str, value: object, options: object, lines: list[str]) -> None:
    """Escape a docstring that numpydoc has laid out, in place."""
    done = []
    for code, block in paragraphs(lines):
        done += block if code else escaped("\n".join(block)).split("\n")
    lines[:] = done


def setup(app: Any) -> dict[str, bool]:
    """Come after numpydoc, which has priority 500."""
    app.connect("autodoc-process-docstring", process, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
