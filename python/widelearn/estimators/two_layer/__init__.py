"""Two-layer networks that learn their features."""
