"""The options of ``widelearn list``, ``run``, ``merge`` and ``report``."""

import argparse
from typing import Any

from widelearn.experiments import arguments
from widelearn.experiments.studies.shards import Shard

RUN = """\
Run a study: simulate what the theory of wide networks predicts, and judge its claims, each with a check that it could
fail, negative controls among them. FILE is a Python file of your own that ends with a SPEC, and is run. Each study
writes rows.jsonl, rows.csv, results.json and a figure (PNG, SVG, its rows as CSV) into its folder. Rows are the same
for every number of jobs, shards, or workers of Dask. A claim that fails makes the exit code 1."""
MERGE = """\
Join what `widelearn run --shard k/K` wrote for every k, on whatever machines, into the folder of a whole run: rows of
one question, none missing, none there twice differently. Then the claims are judged, and figures drawn."""
REPORT = """\
Judge the claims of a study anew by the rows in its folder, and write results and figures; nothing is simulated. Of a
folder of `widelearn compare`, report.html and the figures are written anew by results.json; nothing is fitted."""
FILE = "the file of the study, if it is your own"


def add_studies(commands: Any) -> None:
    """Add the commands of studies to the subparsers `commands`."""
    listed = commands.add_parser("list", help="list the studies", description="List the studies that `run` knows.")
    listed.set_defaults(run="studies.command:run_list", needs=())
    _add_run(commands)

    merge = commands.add_parser("merge", help="join the shards of a study", description=MERGE)
    merge.set_defaults(run="studies.command:run_merge", needs=("rich", "matplotlib"))
    add = merge.add_argument
    add("folders", metavar="DIR", nargs="+", help="folders that `widelearn run --shard k/K` wrote, of every k")
    add("--study", metavar="FILE", help=FILE)
    add("--out", metavar="DIR", help="folder for results (default: first free of widelearn-merged, -2, ...)")
    add("--force", action="store_true", help="let --out replace files")

    report = commands.add_parser(
        "report", help="judge and draw a study, or draw a comparison, anew", description=REPORT
    )
    report.set_defaults(run="studies.command:run_report", needs=("rich", "matplotlib"))
    report.add_argument("folder", metavar="DIR", help="a folder that `widelearn run`, `merge` or `compare` wrote")
    report.add_argument("--study", metavar="FILE", help=FILE)


def _add_run(commands: Any) -> None:
    study = commands.add_parser("run", help="run a study of theory against simulation", description=RUN)
    study.set_defaults(run="studies.command:run_study", needs=("rich", "matplotlib"))
    add = study.add_argument
    add("name", metavar="NAME|FILE", help="a study that `widelearn list` names, all, or a Python file of your own")
    add("--quick", action="store_true", help="smaller sizes and fewer draws: seconds instead of minutes")
    add("--seed", metavar="N", type=arguments.seed, default=0, help="for every draw (default: 0)")
    add("--seeds", metavar="K", type=arguments.positive, help="number of draws (default: the study's own)")
    add("--set", metavar="KEY=VALUE", action="append", default=[], help="change a setting; an unknown key lists all")
    threads = "threads of each cell (default: the study's own, usually 1)"
    add("--threads", metavar="N", type=arguments.positive, help=threads)
    who = study.add_mutually_exclusive_group()
    jobs = "processes, so many that their threads have a core each (default: 1)"
    who.add_argument("--jobs", metavar="N", type=arguments.positive, default=1, help=jobs)
    address = "simulate on the workers of the Dask scheduler at ADDRESS, or of a scheduler file (.json)"
    who.add_argument("--dask", metavar="ADDRESS", help=address)
    add("--shard", metavar="k/K", type=_shard, help="simulate the k-th of K parts alone; `widelearn merge` joins them")
    add("--out", metavar="DIR", help="folder for results (default: first free of widelearn-run, -2, ...)")
    add("--force", action="store_true", help="let --out replace files")
    add("--resume", action="store_true", help="continue a stopped run into --out; what it simulated is kept")
    add("--quiet", action="store_true", help="no progress bar")


def _shard(text: str) -> Shard:
    try:
        return Shard.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
