"""Studies of learning curves from statistics of the data."""
