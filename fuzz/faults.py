"""Small faults of Python code, planted one at a time: comparisons, arithmetic, conditions, signs, constants."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

COMPARE = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
ARITHMETIC = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult}
ARITHMETIC |= {ast.FloorDiv: ast.Mult, ast.MatMult: ast.Mult}


def faults(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Plant every fault of a tree in turn, yielding its line and what it is; the tree is whole again after each."""
    for node in list(code(tree)):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARE:
            old = node.ops[0]
            node.ops[0] = COMPARE[type(old)]()
            yield line, f"{type(old).__name__} -> {type(node.ops[0]).__name__}"
            node.ops[0] = old
        elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in ARITHMETIC:
            old_op = node.op
            node.op = ARITHMETIC[type(old_op)]()
            yield line, f"{type(old_op).__name__} -> {type(node.op).__name__}"
            node.op = old_op
        elif isinstance(node, ast.BoolOp):
            old_word = node.op
            node.op = ast.Or() if isinstance(old_word, ast.And) else ast.And()
            yield line, f"{type(old_word).__name__} -> {type(node.op).__name__}"
            node.op = old_word
        elif isinstance(node, ast.If | ast.IfExp | ast.While):
            test = node.test
            node.test = ast.UnaryOp(ast.Not(), test)
            yield line, f"not {ast.unparse(test)}"
            node.test = test
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            node.op = ast.UAdd()
            yield line, f"-{ast.unparse(node.operand)} -> +"
            node.op = ast.USub()
        elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            value = node.value
            node.value = (not value) if isinstance(value, bool) else value + 1
            yield line, f"{value!r} -> {node.value!r}"
            node.value = value


def code(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through what computes: no annotations, messages or imports."""
    if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom | ast.JoinedStr | ast.arguments | ast.AnnAssign):
        return
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"warn", "check_memory", "super"}:
        return
    yield node
    for name, field in ast.iter_fields(node):
        parts = field if isinstance(field, list) else [field]
        if name not in {"returns", "annotation", "decorator_list"}:
            for part in parts:
                if isinstance(part, ast.AST):
                    yield from code(part)


def planted(file: Path, number: int) -> tuple[str, int, str]:
    """Return a file with one of its faults, the fault's line, and what it is."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for at, (line, what) in enumerate(faults(tree)):
        if at == number:
            return ast.unparse(tree), line, what
    raise IndexError(number)


def function_at(file: Path, line: int) -> int:
    """Return the first line of the innermost function around a line, decorators included; 0 outside of all."""
    first = 0
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.body[0].lineno <= line <= (node.end_lineno or 0):
            first = max(first, min([node.lineno, *(part.lineno for part in node.decorator_list)]))
    return first
