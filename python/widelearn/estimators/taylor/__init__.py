"""Taylor models of wide two-layer networks."""
