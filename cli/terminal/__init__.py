"""Attached streams, raw mode, signals and progress bars."""
