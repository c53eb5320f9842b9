"""Draw the chart that asks for your rows and names an estimator: `python docs/extensions/chart.py` writes it anew."""

from pathlib import Path
from xml.sax.saxutils import escape

PLACE = Path(__file__).parents[1] / "static" / "which_model.svg"
# A question, and for "yes" what to take. "No" leads to the next line; the last line is what remains.
QUESTIONS = (
    (
        "Have you a model of your own,",
        "with its Jacobian?",
        "linearize",
        "or kernels.Empirical",
    ),
    ("Are rows sparse, or text?", "", 'FeatureRidge("passthrough")', "stays sparse"),
    (
        "Are there more than some 20,000 rows, or do",
        "they come in blocks, files or on a cluster?",
        "FeatureRidge",
        "random features, one pass",
    ),
    ("Is the question when to stop training?", "", "GradientFlowRegressor", "time in the place of alpha"),
    (
        "Do few directions among many columns matter,",
        "smoothly or by products of columns?",
        "TaylorRegressor",
        "quadratic terms, few rows",
    ),
    (
        "Do some columns or directions matter",
        "much more than others?",
        "RecursiveFeatureMachine",
        "a kernel with a learned metric",
    ),
    (
        "Sparse parities, or clusters in few",
        "directions, which kernels cannot see?",
        "TwoLayerClassifier",
        "a trained network; or TaylorClassifier",
    ),
)
LAST = (
    "Otherwise: KernelRidgeCV with NTK(depth=1 to 3) and RBF,",
    "alpha by leave-one-out; the classifiers of the same names",
)
FONT = 'font-family="sans-serif" font-size="15"'
TIP = """<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">
<path d="M0 0 L10 5 L0 10 z" fill="#475569"/></marker></defs>"""
WIDTH, STEP, LEFT, RIGHT = 860, 84, 430, 330


def box(x: int, y: int, width: int, lines: tuple[str, ...], fill: str, code: bool = False) -> str:
    """Return a box with one or two lines of text."""
    lines = tuple(line for line in lines if line)
    parts = [f'<rect x="{x}" y="{y}" width="{width}" height="56" rx="8" fill="{fill}" stroke="#475569"/>']
    for place, line in enumerate(lines):
        at = y + (34 if len(lines) == 1 else 25 + 20 * place)
        family = ' font-family="monospace" font-weight="bold"' if code and place == 0 else ""
        parts.append(f'<text x="{x + width // 2}" y="{at}" text-anchor="middle"{family}>{escape(line)}</text>')
    return "\n".join(parts)


def arrow(x1: int, y1: int, x2: int, y2: int, text: str) -> str:
    """Return an arrow with a word beside it."""
    line = f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#475569" marker-end="url(#tip)"/>'
    at = f'x="{(x1 + x2) // 2 - 12}" y="{y1 - 6}"' if y1 == y2 else f'x="{x1 + 8}" y="{(y1 + y2) // 2 + 5}"'
    return f'{line}\n<text {at} fill="#475569">{text}</text>'


def drawn() -> str:
    """Return the chart as SVG."""
    height = STEP * (len(QUESTIONS) + 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {FONT}>',
        "<title>Which estimator for which rows</title>",
        TIP,
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for place, (first, second, name, why) in enumerate(QUESTIONS):
        y = 12 + STEP * place
        parts.append(box(10, y, LEFT, (first, second), "#e0f2fe"))
        parts.append(box(WIDTH - RIGHT - 10, y, RIGHT, (name, why), "#dcfce7", code=True))
        parts.append(arrow(10 + LEFT, y + 28, WIDTH - RIGHT - 10, y + 28, "yes"))
        parts.append(arrow(10 + LEFT // 2, y + 56, 10 + LEFT // 2, y + STEP, "no"))
    parts.append(box(10, 12 + STEP * len(QUESTIONS), WIDTH - 20, LAST, "#dcfce7"))
    return "\n".join([*parts, "</svg>\n"])


if __name__ == "__main__":
    PLACE.write_text(drawn(), encoding="utf-8")
