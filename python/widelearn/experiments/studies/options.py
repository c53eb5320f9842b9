"""The options of ``widelearn list`` and ``widelearn run``."""

from typing import Any

from widelearn.experiments import arguments

RUN = """\
Run a study: simulate what the theory of wide networks predicts, and judge its claims, each with a check that it could
fail, negative controls among them. Each study writes rows.jsonl, results.json and a figure (PNG, SVG, its rows as CSV)
into its folder. Results are the same for every number of jobs. A claim that fails makes the exit code 1."""


def add_studies(commands: Any) -> None:
    """Add the commands ``list`` and ``run`` to the subparsers `commands`."""
    listed = commands.add_parser("list", help="list the studies", description="List the studies that `run` knows.")
    listed.set_defaults(run="studies.command:run_list", needs=())

    study = commands.add_parser("run", help="run a study of theory against simulation", description=RUN)
    study.set_defaults(run="studies.command:run_study", needs=("rich", "matplotlib"))
    add = study.add_argument
    add("name", metavar="NAME", help="a study that `widelearn list` names, or all")
    add("--quick", action="store_true", help="smaller sizes and fewer draws: seconds instead of minutes")
    add("--seed", metavar="N", type=arguments.seed, default=0, help="for every draw (default: 0)")
    add("--seeds", metavar="K", type=arguments.positive, help="number of draws (default: the study's own)")
    add("--set", metavar="KEY=VALUE", action="append", default=[], help="change a setting; an unknown key lists all")
    add(
        "--jobs",
        metavar="N",
        type=arguments.positive,
        default=1,
        help="processes of one thread, at most one a core (default: 1)",
    )
    add("--out", metavar="DIR", help="folder for results (default: first free of widelearn-run, -2, ...)")
    add("--force", action="store_true", help="let --out replace files")
    add("--resume", action="store_true", help="continue a stopped run into --out; what it simulated is kept")
    add("--quiet", action="store_true", help="no progress bar")
