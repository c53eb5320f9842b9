"""Recursive feature machines."""
