"""The version of this client and of the API that it speaks."""

VERSION = "0.1.0"  # that of pyproject.toml (a test compares them): importlib.metadata costs 25 ms to import
API_VERSION = "1.51"
