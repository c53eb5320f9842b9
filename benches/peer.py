"""A peer in an environment of its own: a child process that runs one timed iteration on request."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import sklearn

import widelearn
from benches.torch_stubs import write_stubs

HERE = Path(__file__).parent
# PyTorch, and what it imports.
TORCH = ("torch", "typing_extensions", "sympy", "mpmath", "networkx", "jinja2", "MarkupSafe", "fsspec", "filelock")


def environment(folder: Path, python: str) -> Path:
    """Return the peer's interpreter; make the environment if it is not there."""
    interpreter = folder / "bin" / "python"
    if not interpreter.exists():
        print(f"making {folder}", file=sys.stderr)
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
        requirements = str(HERE / "peer_requirements.txt")
        subprocess.run([str(interpreter), "-m", "pip", "install", "--quiet", "-r", requirements], check=True)
    return interpreter


def torch_environment(folder: Path) -> Path:
    """Return the interpreter of an environment with PyTorch beside this one's packages; make it if it is not there.

    The wheel is installed without CUDA's libraries, which it links: empty ones stand in for them.
    """
    interpreter = folder / "bin" / "python"
    if not (folder / "made").exists():
        print(f"making {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        command = [str(interpreter), "-m", "pip", "install", "--quiet", "--no-deps", *TORCH]
        subprocess.run(command, check=True)
        site = next((folder / "lib").glob("python*/site-packages"))
        beside = sorted({str(Path(module.__file__).parents[1]) for module in (numpy, sklearn, widelearn)})
        (site / "beside.pth").write_text("\n".join(beside) + "\n")
        write_stubs(site / "torch" / "lib")
        (folder / "made").touch()
    return interpreter


class Peer:
    """The child: one JSON line in, one out. Its threads follow this process's CPU affinity."""

    def __init__(self, interpreter: Path, child: str, *arguments: str) -> None:
        self._child = subprocess.Popen(
            [str(interpreter), str(HERE / child), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.versions = self.ask(op="versions")

    def ask(self, **request: object) -> dict[str, Any]:
        """Send one request and wait for its answer."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(request) + "\n")
        self._child.stdin.flush()
        answer = self._child.stdout.readline()
        if not answer:
            raise RuntimeError(f"the peer ended with code {self._child.wait()} on {request}")
        return json.loads(answer)

    def close(self) -> None:
        """End the child by closing its input."""
        assert self._child.stdin is not None
        with self._child:
            self._child.stdin.close()
