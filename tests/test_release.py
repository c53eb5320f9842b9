"""The release command: versions, the changelog's heading, and what it refuses; licences of the compiled core."""

import datetime
import importlib.util
import re
from itertools import pairwise
from types import ModuleType

import pytest

from source import ROOT

DAY = datetime.date(2030, 1, 2)


def script(name: str) -> ModuleType:
    """Import a script of .ci."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


release = script("release")


def test_the_version_goes_up_in_cargo_toml_alone():
    cargo = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    found = release.bumped(cargo, "99.0.0")
    assert found.replace('version = "99.0.0"', "") == re.sub(r'(?m)^version = ".*"', "", cargo)


def test_versions_are_ordered():
    rising = ["0.1.0", "0.1.1-alpha.1", "0.1.1-beta.1", "0.1.1-rc.1", "0.1.1-rc.2", "0.1.1", "0.2.0", "0.10.0", "1.0.0"]
    assert sorted(rising, key=release.order) == rising
    for low, high in pairwise(rising):
        with pytest.raises(SystemExit, match="does not come after"):
            release.bumped(f'version = "{high}"\n', low)
    with pytest.raises(SystemExit, match="does not come after"):
        release.bumped('version = "0.1.0"\n', "0.1.0")


@pytest.mark.parametrize("version", ["1", "1.0", "v1.0.0", "1.0.0rc1", "1.0.0-dev.1", "1.0.0\n", ""])
def test_other_versions_are_refused(version: str):
    with pytest.raises(SystemExit, match="no semantic version"):
        release.order(version)


def test_what_is_unreleased_gets_the_versions_heading():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    found = release.closed(changelog, "99.0.0", DAY)
    assert "## Unreleased\n\n## 99.0.0 - 2030-01-02\n" in found
    assert found.replace("\n## 99.0.0 - 2030-01-02\n", "", 1) == changelog
    again = found.replace("## Unreleased\n", "## Unreleased\n\n### Added\n\n- A thing.\n")
    with pytest.raises(SystemExit, match=r"has a part 99\.0\.0 already"):
        release.closed(again, "99.0.0", DAY)


def test_a_changelog_without_entries_is_refused():
    for text in ("# Changelog\n", "# Changelog\n\n## Unreleased\n\n## 0.1.0 - 2020-01-01\n\n- A thing.\n"):
        with pytest.raises(SystemExit, match="no entries under Unreleased"):
            release.closed(text, "0.2.0", DAY)


def test_licences_name_every_crate_of_the_core_at_its_version():
    text = (ROOT / "THIRD-PARTY-LICENSES.txt").read_text(encoding="utf-8")
    named = dict(re.findall(r"(?m)^([\w-]+) (\d\S*) \(", text))
    locked = set(
        re.findall(r'name = "([^"]+)"\nversion = "([^"]+)"', (ROOT / "Cargo.lock").read_text(encoding="utf-8"))
    )
    assert set(named.items()) <= locked
    assert {"numpy", "pyo3", "rayon", "thiserror", "libc"} <= set(named)
    assert "Redistributions in binary form must reproduce" in text


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.stem)
def test_workflows_run_what_is_there_on_runners_that_exist(path):
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"(?<![\w/.])((?:tests|\.ci)/[\w/.]+)", text)
    assert [name for name in named if not (ROOT / name).is_file()] == []
    # Images that are gone for good: a job on one of them waits until it fails.
    assert re.findall(r"\b(?:macos-1[0-4]|ubuntu-(?:18|20)\.04|windows-20(?:16|19))\b", text) == []
    # What was built is installed from its folder alone, whatever an index has of that name.
    found = [line for line in text.splitlines() if "--find-links dist" in line]
    assert all("--no-index --no-deps" in line for line in found)
