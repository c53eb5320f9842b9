"""The commands ``widelearn list`` and ``widelearn run``."""

from argparse import Namespace
from functools import partial

from widelearn import plots
from widelearn.experiments import report_page, store, studies
from widelearn.experiments.progress import Progress
from widelearn.experiments.studies.runner import failed, run


def run_list(options: Namespace) -> int:
    """Print the studies; return the exit code."""
    specs = studies.choose("all")
    width = max(len(spec.name) for spec in specs)
    for spec in specs:
        print(f"{spec.name:<{width}}  {spec.about}")
    return 0


def run_study(options: Namespace) -> int:
    """Run studies, print their claims, write the files as each ends; return the exit code."""
    specs = studies.choose(options.name)
    console = report_page.console()
    broken = False
    with store.reserve(options.out, options.force, "widelearn-run") as out:
        for spec in specs:
            with Progress([spec.name], options.quiet) as on_step:
                results = run(spec, quick=options.quick, seed=options.seed, on_step=partial(on_step, spec.name))
            folder = out / spec.name
            folder.mkdir(exist_ok=True)
            store.write_json(folder / "results.json", results)
            panels = spec.panels(results["rows"], spec.settings_for(options.quick))
            store.write_figure(folder / "figure.png", plots.study(panels, spec.about))
            report_page.print_study(results, console)
            broken = broken or bool(failed(results))
    console.print(f"Results and figures: {out}", soft_wrap=True, highlight=False)
    return 1 if broken else 0
