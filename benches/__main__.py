"""``python -m benches``: run every job, print ratios and shares of the machine's rates, write JSON and a figure."""

import argparse
import json
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VARIABLES = ("WIDELEARN_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benches", description=__doc__)
    parser.add_argument("--only", default="", metavar="WORD", help="jobs whose name holds WORD")
    parser.add_argument("--threads", type=int, default=2, help="threads, and CPUs, of each side (2)")
    parser.add_argument("--rounds", type=int, default=9, help="timed iterations of each side (9)")
    parser.add_argument("--peer", type=Path, metavar="DIR", help="environment of neural-tangents, made if absent")
    parser.add_argument("--peer-python", default=sys.executable, help="the Python that makes it, 3.9 to 3.12")
    parser.add_argument("--torch", type=Path, metavar="DIR", help="environment of PyTorch, made if absent")
    parser.add_argument("--out", type=Path, default=Path("target/benches"), help="folder of results.json, results.png")
    parser.add_argument("--quick", action="store_true", help="small shapes, one round: only to see that it runs")
    return parser.parse_args(arguments)


def jobs(options: argparse.Namespace) -> Iterator[Any]:
    from benches import dask_cluster, eager, features, kernels, nets, ntk, ridge, small, sparse_rows, tangent, threads

    # Both sides choose from the same penalties: that the best one is at their edge does not matter here.
    warnings.filterwarnings("ignore", message="alpha = ")

    if options.peer:
        yield from ntk.jobs(options.peer, options.peer_python, options.quick)
    else:
        print("without --peer DIR the jobs beside neural-tangents are left out")
    if options.torch:
        yield from tangent.jobs(options.torch, options.threads, options.quick)
        yield from eager.jobs(options.torch, options.threads, options.quick)
    else:
        print("without --torch DIR the jobs beside PyTorch are left out")
    for module in (kernels, threads, features, ridge, small, sparse_rows, nets, dask_cluster):
        yield from module.jobs(options.quick)
    if options.peer:
        # Last, as it loads jax here, with threads of its own.
        from benches import finite_ntk

        yield from finite_ntk.jobs(options.peer, options.peer_python, options.quick)


def line(row: dict[str, Any], machine: dict[str, Any]) -> str:
    times = ", ".join(f"{side} {1e3 * seconds:.1f} ms" for side, seconds in row["median_s"].items())
    shares = f"{row['flop_s'] / machine['matmul_flop_s'][row['dtype']]:.0%} of matmul"
    shares += f", {row['byte_s'] / machine['copy_byte_s']:.0%} of copy" if row["byte_s"] else ""
    notes = "".join(f", {key} {value:.1f}" for key, value in row["notes"].items())
    verdict = ("met" if row["met"] else "MISSED") if row["agree"] else "DISAGREE"
    head = f"{row['name']}, {row['shape']} {row['dtype']} {row['output']}"
    ratio = f"ratio {row['ratio']:.2f} (asked {row['least']:g}, {verdict})"
    return f"{head}: {ratio}\n    {times}; {shares}{notes}; differ by {row['difference']:.1e}"


def main(arguments: list[str] | None = None) -> int:
    """Run the jobs; the exit code is 1 when two sides disagree, never for their speed."""
    options = parse(arguments)
    # Before NumPy is loaded: its BLAS and the peer's pools are as wide as the CPUs they see.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    os.environ.update(dict.fromkeys(VARIABLES, str(options.threads)))
    from benches import figure, job, machine

    about = machine.describe(options.threads, options.quick)
    print(json.dumps(about, indent=1))
    machine.touch(2**22 if options.quick else 2**31)
    rows, names = [], []
    for one in jobs(options):
        names.append(one.name)
        if options.only in one.name:
            rows.append(job.measure(one, 1, 0.0) if options.quick else job.measure(one, options.rounds))
            print(line(rows[-1], about), flush=True)
    if not rows:
        print(f"no job's name holds {options.only!r}; there are {', '.join(dict.fromkeys(names))}", file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    results = {"schema": 1, "quick": options.quick, "machine": about, "jobs": rows}
    (options.out / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    figure.draw(rows, options.out / "results.png")
    print(f"wrote {options.out}/results.json and results.png")
    return int(not all(row["agree"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
