"""Make a release: bump the version, close the changelog, build and check what is published, commit and tag.

``python .ci/release.py 0.2.0`` is a dry run in a clone of the last commit: it ends with the artefacts in ``dist/`` and
changes nothing else. ``--commit`` then takes the commit and its tag over into this repository. Nothing is uploaded.
"""

from __future__ import annotations

import argparse
import datetime
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-(?:alpha|beta|rc)\.(\d+))?")
IN_CARGO = re.compile(r'(?m)^version = "([^"]+)"')
UNRELEASED = "## Unreleased\n"


def order(version: str) -> tuple[int, ...]:
    """Return what versions are compared by: a pre-release comes before its release."""
    match = VERSION.fullmatch(version)
    if match is None:
        raise SystemExit(f"{version} is no semantic version: give MAJOR.MINOR.PATCH, or MAJOR.MINOR.PATCH-rc.1.")
    major, minor, patch, candidate = match.groups()
    stage = {"alpha": 0, "beta": 1, "rc": 2}[version.split("-")[1].split(".")[0]] if candidate else 3
    return int(major), int(minor), int(patch), stage, int(candidate or 0)


def bumped(cargo: str, version: str) -> str:
    """Return Cargo.toml with another version, the only place that has one."""
    found = IN_CARGO.findall(cargo)
    if len(found) != 1:
        raise SystemExit(f"Cargo.toml has {len(found)} lines version = ..., not one.")
    if order(version) <= order(found[0]):
        raise SystemExit(f"{version} does not come after {found[0]}.")
    return IN_CARGO.sub(f'version = "{version}"', cargo)


def closed(changelog: str, version: str, day: datetime.date) -> str:
    """Return the changelog with what was unreleased under the version, and nothing unreleased."""
    before, heading, after = changelog.partition(UNRELEASED)
    entries = re.split(r"(?m)^## ", after, maxsplit=1)[0]
    if not heading or "\n- " not in entries:
        raise SystemExit("CHANGELOG.md has no entries under Unreleased: there is nothing to release.")
    if re.search(rf"(?m)^## {re.escape(version)}\b", changelog):
        raise SystemExit(f"CHANGELOG.md has a part {version} already.")
    return f"{before}{UNRELEASED}\n## {version} - {day.isoformat()}\n{after}"


def run(folder: Path, *command: str) -> None:
    """Run a command in a folder, shown before it runs."""
    print("+", " ".join(command), flush=True)
    subprocess.run(command, cwd=folder, check=True)


def main() -> int:
    """Release."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version")
    parser.add_argument("--commit", action="store_true", help="take the commit and its tag over")
    parser.add_argument("--tests", action="store_true", help="run .ci/run on the release's commit first")
    given = parser.parse_args()
    changed = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, check=True, capture_output=True, text=True)
    if changed.stdout:
        raise SystemExit(f"There are changes that are not committed:\n{changed.stdout}")
    tag = f"v{given.version}"
    with tempfile.TemporaryDirectory() as made:
        copy = Path(made) / "release"
        run(ROOT, "git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(copy))
        cargo, changelog = copy / "Cargo.toml", copy / "CHANGELOG.md"
        cargo.write_text(bumped(cargo.read_text(encoding="utf-8"), given.version), encoding="utf-8")
        today = datetime.datetime.now(tz=datetime.UTC).date()
        changelog.write_text(closed(changelog.read_text(encoding="utf-8"), given.version, today), encoding="utf-8")
        run(copy, "cargo", "update", "--quiet", "--workspace")
        run(copy, "git", "-c", "user.name=The widelearn developers", "-c", "user.email=", "commit", "-qam", tag)
        run(copy, "git", "-c", "user.name=The widelearn developers", "-c", "user.email=", "tag", "-am", tag, tag)
        if given.tests:
            run(copy, ".ci/run")
        run(copy, ".ci/wheels")
        shutil.rmtree(ROOT / "dist", ignore_errors=True)
        shutil.copytree(copy / "dist", ROOT / "dist")
        if given.commit:
            run(ROOT, "git", "fetch", "--quiet", str(copy), "HEAD", f"refs/tags/{tag}:refs/tags/{tag}")
            run(ROOT, "git", "merge", "--quiet", "--ff-only", "FETCH_HEAD")
    print(f"{tag}: artefacts are in dist/" + ("" if given.commit else "; a dry run, nothing was committed"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
