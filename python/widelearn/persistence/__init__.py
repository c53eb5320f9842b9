"""Models in files that hold data alone: reading one runs no code of its author."""

from widelearn.persistence.model_files import load, save
from widelearn.persistence.onnx_files import to_onnx

__all__ = ["load", "save", "to_onnx"]
