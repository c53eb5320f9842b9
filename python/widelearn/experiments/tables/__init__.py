"""Users' tables as supervised problems."""
