"""Shared objects in place of CUDA's libraries, which PyTorch's wheel links and a machine without a GPU never calls."""

import re
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

# Names of functions of CUDA, where no version says of which library they are.
CUDA = r"(?:cu|nccl|nvrtc|nvshmem)\w*"


def run(*command: str) -> str:
    """Return what a command prints; what it complains of is its own business."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def versions_of(path: str) -> dict[str, str]:
    """Return the versions that a library asks for, and of which library."""
    found = {}
    for library, listed in re.findall(r"required from (\S+):\n((?:    0x.*\n)+)", run("objdump", "-p", path)):
        found |= dict.fromkeys(re.findall(r"(\S+)$", listed, re.MULTILINE), library)
    return found


def write_stubs(folder: Path) -> list[str]:
    """Write empty functions for whatever the libraries in a folder ask of libraries that are missing; return those."""
    asked = {str(path): re.findall(r"(\S+) => not found", run("ldd", str(path))) for path in folder.glob("*.so")}
    missing = sorted({library for libraries in asked.values() for library in libraries})
    wanted: dict[str, dict[str, set[str]]] = {library: defaultdict(set) for library in missing}
    for path, libraries in asked.items():
        owners, symbols = versions_of(path), run("nm", "-D", "--undefined-only", path)
        for name, version in re.findall(r" U (\w+)(?:@(\S+))?$", symbols, re.MULTILINE):
            # Without a version any of the libraries will do.
            of = [owners.get(version, "")] if version else libraries if re.fullmatch(CUDA, name) else []
            for library in of:
                if library in wanted:
                    wanted[library][version].add(name)
    for library, versions in wanted.items():
        write_stub(folder / library, versions)
    return missing


def write_stub(path: Path, versions: dict[str, set[str]]) -> None:
    """Compile empty functions of these versions: the loader insists on those that are asked for."""
    names = {name for some in versions.values() for name in some}
    with tempfile.TemporaryDirectory() as scratch:
        source, script = Path(scratch) / "stub.c", Path(scratch) / "versions"
        source.write_text(
            "".join(f"long {name}(void) {{ return {answer(name)}; }}\n" for name in sorted(names) or ["none"])
        )
        listed = [
            f"{version} {{ global: {'; '.join(sorted(some))}; }};\n" for version, some in versions.items() if version
        ]
        script.write_text("".join(listed))
        command = ["cc", "-shared", "-fPIC", "-w", f"-Wl,-soname,{path.name}", "-o", str(path), str(source)]
        subprocess.run([*command, f"-Wl,--version-script,{script}"] if listed else command, check=True)


def answer(name: str) -> str:
    """Return what a function says: that there is no device, or an empty text."""
    return '(long) ""' if re.search("String|ErrorName", name) else "100"
