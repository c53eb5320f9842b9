"""What the commands' parsers share: a parser that refuses in one line, and readers of numbers."""

import argparse
from typing import NoReturn

from widelearn.experiments.errors import visible


class Parser(argparse.ArgumentParser):
    """An argument parser that refuses in one line."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and where help is, and exit with code 2."""
        self.exit(2, f"{self.prog}: {visible(message)} (see {self.prog} --help)\n")


def size(text: str) -> float:
    """Read a share between 0 and 1, or a whole number of rows."""
    value = float(text)
    if not (0 < value < 1 or (value >= 1 and value.is_integer())):
        raise argparse.ArgumentTypeError(f"{text} is neither a share between 0 and 1 nor a number of rows")
    return value


def seed(text: str) -> int:
    """Read a seed that NumPy takes."""
    value = int(text)
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 4294967295")
    return value


def positive(text: str) -> int:
    """Read a number of threads, processes or draws."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value


def seconds(text: str) -> float:
    """Read a number of seconds."""
    value = float(text)
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0")
    return value
