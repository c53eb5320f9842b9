"""Studies of "Gradient Feature Learning"."""
