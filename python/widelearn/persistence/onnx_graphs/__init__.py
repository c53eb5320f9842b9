"""Fitted models as graphs of ONNX operators: numbers and formulas alone, without this package."""
