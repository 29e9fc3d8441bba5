"""Plugins contributed by others: same shape as the built-in ones, never loaded by default."""
