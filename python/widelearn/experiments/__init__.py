"""Experiments on real tables: read, prepare, split, tune, measure, store."""
