"""The command line, run in the process of the tests."""

from widelearn.__main__ import main


def run(capsys, *arguments):
    """Return its exit code, standard output and standard error."""
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as left:
        code = left.code
    return code, *capsys.readouterr()
