"""Commands on the engine's own life."""
