"""Models in files that hold data alone: reading one runs no code of its author."""

from widelearn.persistence.model_files import load, save

__all__ = ["load", "save"]
