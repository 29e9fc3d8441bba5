"""The storage driver "erofs": a layer is its archive, which the kernel mounts as it is."""
