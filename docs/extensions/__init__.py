"""What Sphinx makes of the package when it builds the documentation."""
