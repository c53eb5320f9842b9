"""What a saved NumPy array says of itself, read from a file that may come from anyone."""

from typing import IO, Any

import numpy as np
from numpy.lib import format as npy


def read_header(stream: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return the shape, whether the order is Fortran's, and the type of an array; ValueError if it is damaged."""
    try:
        version = npy.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"it is of version {version}, not 1.0 or 2.0")
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(stream)
        if any(length < 0 for length in shape):
            raise ValueError(f"its shape is {shape}")
    except Exception as error:  # a header of brackets ends NumPy's own parser in many ways
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ValueError(f"the array {name} is damaged: {reason}") from error
    return shape, fortran, dtype
