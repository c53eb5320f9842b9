"""The command line, run in the process of the tests."""

from widelearn.__main__ import main


def run(capsys, *arguments):
    """Return its exit code, standard output and standard error."""
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as left:
        code = left.code
    return code, *capsys.readouterr()


def run_briefly(capsys, *arguments):
    """Run it where it never speaks of a defect, or at length."""
    code, out, err = run(capsys, *arguments)
    assert "a defect" not in err
    assert err.count("\n") <= 2
    return code, out, err


def content(folder):
    """Return every file below a folder: name -> bytes and time of its last change."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}
