"""The storage driver "vfs": every layer and every container is a full copy; works on any file system."""
