"""Records to API JSON and back. Pure."""
