"""Fail unless every test file ran at least one test: ``ran.py REPORT TESTS``."""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def main(report: Path, tests: Path) -> int:
    """Count what ran in a JUnit report, file by file."""
    ran = [
        case.get("classname", "").split(".")
        for case in ET.parse(report).iter("testcase")
        if case.find("skipped") is None
    ]
    modules = {part for name in ran for part in name}
    idle = sorted(path.name for path in tests.rglob("test_*.py") if path.stem not in modules)
    print(f"{len(ran)} Python tests ran", *(f"; {name} ran none" for name in idle))
    return int(not ran or bool(idle))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
