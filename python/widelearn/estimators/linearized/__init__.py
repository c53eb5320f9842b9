"""Linearised models: ridge regression of what a model lacks on its Jacobian."""
