"""Methods compared on one problem."""
