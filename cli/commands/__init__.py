"""One file per command; catalog.py says which."""
