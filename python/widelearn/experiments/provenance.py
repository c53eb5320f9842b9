"""What results were made with: versions of packages, and the machine."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from widelearn.runtime import __version__

PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas", "pyarrow", "matplotlib")


def versions() -> dict[str, str]:
    """Return the versions of what took part."""
    found = {"widelearn": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Return the operating system and the number of processors."""
    return {"system": platform.platform(), "cpus": os.cpu_count()}
