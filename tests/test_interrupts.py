"""Every kind of long call answers Ctrl-C and lets other threads run, LAPACK's decompositions too."""

import json
import os
import subprocess
import sys
from pathlib import Path

from fuzz.interrupts import KINDS

ROOT = Path(__file__).parents[1]
# The law is 200 ms on a quiet machine, which `python -m fuzz.interrupts` shows; a busy one takes its time.
PATIENCE = 2.0
# A process for some kinds each: what LAPACK leaves behind ends with it.
CODE = """
import json, sys
from fuzz.interrupts import KINDS, interrupted
for kind in json.loads(sys.argv[1]):
    print(json.dumps([kind, *interrupted(KINDS[kind]())]), flush=True)
"""


def test_answers_within_the_bound():
    kinds, found = list(KINDS), []
    for part in (kinds[:-5], kinds[-5:-2], kinds[-2:]):
        command = [sys.executable, "-c", CODE, json.dumps(part)]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False, env={**os.environ}
        )
        assert done.returncode == 0, done.stderr[-4000:]
        found += [json.loads(line) for line in done.stdout.splitlines()]
    assert [kind for kind, *_ in found] == kinds
    # A comparison with NaN, for a call that was over before the signal, fails too.
    late = [(kind, answer, gap) for kind, answer, gap in found if not (answer < PATIENCE and gap < PATIENCE)]
    assert not late
