"""What a trained network did: how lazy its training was, measured from nets or from snapshots of any model."""

from widelearn.diagnostics.descents import scaled_descent
from widelearn.diagnostics.drift import Laziness, laziness
from widelearn.diagnostics.net_paths import NetPath
from widelearn.diagnostics.snapshots import Snapshots
from widelearn.diagnostics.sweeps import LazinessSweep, laziness_sweep

__all__ = ["Laziness", "LazinessSweep", "NetPath", "Snapshots", "laziness", "laziness_sweep", "scaled_descent"]
