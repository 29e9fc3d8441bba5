"""Conformance checks, one file a driver kind: plain functions that raise AssertionError, without pytest."""
