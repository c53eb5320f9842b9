"""Studies on tables of real data."""
