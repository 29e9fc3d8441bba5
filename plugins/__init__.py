"""Drivers and front ends: built in, and contributed."""
