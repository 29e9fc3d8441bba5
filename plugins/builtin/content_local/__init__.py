"""The content store "local": blobs as files in one directory."""
