"""Studies of "Beyond Linearization"."""
