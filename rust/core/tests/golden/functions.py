"""Write golden/functions.txt: elementary functions of f64 by mpmath, at edges and where argument reduction is hardest.

A line is `function x y e`: the bits of x and of y = f(x) rounded to nearest, and (f(x) - y) in ulps of y.
Run as `python functions.py`; the output does not depend on anything else.
"""

import math
import random
import struct
from pathlib import Path

from mpmath import mp, mpf

mp.prec = 1400
RANDOM = random.Random(1)


def bits(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def number(b):
    return struct.unpack("<d", struct.pack("<Q", b))[0]


def rounded(y):
    """y rounded once to f64 (denormals too), and what is left in ulps of the rounded value."""
    if y == 0:
        return 0.0, 0.0
    exponent = max(int(mp.floor(mp.log(abs(y), 2))) - 52, -1074)
    nearest = float(mp.ldexp(mp.nint(mp.ldexp(y, -exponent)), exponent))
    return nearest, float((y - nearest) / math.ulp(nearest))


def hard_arguments(exponent, precision):
    """Significands m below 2**precision that bring m 2**exponent closest to a multiple of pi / 2."""
    ratio = mp.ldexp(1, exponent) / (mp.pi / 2)
    found, (p0, q0), (p1, q1) = [], (1, 0), (int(mp.floor(ratio)), 1)
    rest = ratio - p1
    while rest > 0:
        a = int(mp.floor(1 / rest))
        rest = 1 / rest - a
        (p0, q0), (p1, q1) = (p1, q1), (a * p1 + p0, a * q1 + q0)
        if q1 >= 2**precision:
            break
        if q1 >= 2 ** (precision - 8):
            found.append(q1 << (precision - q1.bit_length()) if q1.bit_length() < precision else q1)
            found.append(q1)
    return found


def angle(e):
    """acos of copysign(1 - |e|, e), without cancellation."""
    v = abs(mpf(e))
    outer = 2 * mp.asin(mp.sqrt(v / 2))
    return mp.pi - outer if bits(e) >> 63 else outer


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def neighbours(x, steps=2):
    return [number(bits(x) + k) for k in range(-steps, steps + 1)]


def points():
    uniform = RANDOM.uniform
    tiny = [5e-324, 1e-310, 2.2250738585072014e-308, 1e-300, 1e-160, 1e-20, 1e-9]
    signed_tiny = tiny + [-x for x in tiny]
    yield (
        "exp",
        mp.exp,
        (
            neighbours(709.782712893384)[:3]
            + neighbours(-745.1332191019411)[1:]
            + [-708.3964185322641, -708.4, -720.0, -740.5, -745.0, 1.0, -1.0, 0.5]
            + [(k + 0.5) * 0.6931471805599453 for k in range(-1070, 1023, 90)]
            + signed_tiny
            + [uniform(-745, 709.7) for _ in range(60)]
        ),
    )
    yield (
        "log",
        mp.log,
        (
            tiny
            + neighbours(1.0, 4)
            + neighbours(0.7071067811865476)
            + neighbours(1.4142135623730951)
            + [1.7976931348623157e308, 2.0, 0.5, 10.0]
            + [number(RANDOM.randrange(1, 0x7FF0000000000000)) for _ in range(60)]
        ),
    )
    hard = []
    for e in [*range(-52, 0), *range(0, 971, 7)]:
        hard += [float(mp.ldexp(m, e)) for m in hard_arguments(e, 53)[-2:]]
    hard += [float(mp.ldexp(m, e)) for e in range(-23, 104, 3) for m in hard_arguments(e, 24)[-2:]]
    hard += [6381956970095103.0 * 2.0**797, 1e22, -1e22, 2.0**1000, 1.7976931348623157e308, 1e6, 1000000.0000000001]
    hard += [k * 1.5707963267948966 for k in (1, 2, 3, 4, 5, 1000, 636619, 636620, -1, -7)]
    hard += [0.7853981633974483, 0.7853981633974484, *signed_tiny]
    hard += [uniform(-1, 1) * 10.0 ** uniform(6, 300) for _ in range(60)]
    yield "sin", mp.sin, hard
    yield "cos", mp.cos, hard
    ends = [1.0, -1.0, 0.5, -0.5, *neighbours(0.5), *neighbours(-0.5)]
    inside = ends + neighbours(1.0)[:3] + [-x for x in neighbours(1.0)[:3]] + [uniform(-1, 1) for _ in range(60)]
    yield "acos", mp.acos, inside + signed_tiny
    yield "asin", mp.asin, inside + signed_tiny
    yield "angle", angle, inside + [e for e in signed_tiny if abs(e) > 1e-309]
    yield "erf", mp.erf, neighbours(1.0) + neighbours(6.0) + signed_tiny + [uniform(-6.5, 6.5) for _ in range(100)]
    yield "tanh", mp.tanh, signed_tiny + [uniform(-20, 20) for _ in range(60)] + [uniform(-1, 1) for _ in range(60)]
    yield "sigmoid", sigmoid, signed_tiny + [uniform(-745, 40) for _ in range(60)] + [uniform(-9, 9) for _ in range(60)]


def main():
    lines = []
    for name, function, xs in points():
        for x in xs:
            y, error = rounded(function(mpf(x)) if name != "angle" else function(x))
            lines.append(f"{name} {bits(x):016x} {bits(y):016x} {error:.4f}\n")
    Path(__file__).with_suffix(".txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
