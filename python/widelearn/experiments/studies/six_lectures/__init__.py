"""Studies of "Six Lectures on Linearized Neural Networks"."""
