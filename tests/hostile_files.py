"""Contents that a file of a tool may have in a folder of anyone, made from valid ones."""

import json
import os
import pickle

import numpy as np


class Canary:
    """What a pickle that is read would do."""

    def __reduce__(self):
        return os.mkdir, ("sung",)


def hostile_files(valid):
    """Contents that a file of a tool may have in a folder of anyone, made from valid ones."""
    yield pickle.dumps(Canary())
    yield b""
    yield b"\xff\xfe\x00"
    yield b"null"
    yield b"[" * 200_000
    yield b'{"a":' * 100_000
    yield b'{"question": {}, "done": {}}'
    yield b'{"question": NaN}'
    found = json.loads(valid)
    places = [()]

    def visit(value, place):
        parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, part in parts:
            places.append((*place, key))
            visit(part, (*place, key))

    visit(found, ())
    random = np.random.default_rng(0)
    bad = [None, [], {}, "\x1b[31m", "1", True, -1, 1e308, 10**400, float("inf"), [[[]]], {"a": {"b": []}}]
    for k in range(100):
        changed = json.loads(valid)
        inner, place = changed, places[1 + random.integers(len(places) - 1)]
        for key in place[:-1]:
            inner = inner[key]
        if k % 4:
            inner[place[-1]] = bad[random.integers(len(bad))]
        else:
            del inner[place[-1]]
        yield json.dumps(changed).encode()
