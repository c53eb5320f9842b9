"""Studies that simulate next to nothing, for tests of what happens around them."""

from widelearn.experiments.studies.rows import of, panel, value
from widelearn.experiments.studies.spec import Spec
from widelearn.experiments.studies.statements import apart, at_most


def made_spec(name="double-descent", found=lambda cell, seed: 1.0, text="two is less than three"):
    """A study of three cells that simulates next to nothing."""

    def simulate(cell, seed):
        two = found(cell, seed)
        return [value("two", cell["x"], two), value("three", cell["x"], 3.0 + seed[1] / 100)]

    return Spec(
        name=name,
        about="About.",
        source="None.",
        settings={"n": 1, "share": 0.5, "sizes": (1, 2), "points": ((1.0, 2.0),), "word": "a", "on": True, "draws": 5},
        quick={},
        cells=lambda settings: [{"x": float(x)} for x in range(3)],
        simulate=simulate,
        theory=None,
        verdicts=lambda settings: [at_most(text, "two", bound=2.9, rival="three")],
        controls=lambda settings: [apart("two is not three", "two", "three")],
        panels=lambda rows, settings: [panel(of(rows, "two"), xlabel="x", ylabel="y")],
    )
