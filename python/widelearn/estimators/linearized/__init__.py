"""Linearised and Taylorised models: ridge regression on the Jacobian, and beyond it on terms of higher orders."""
