"""The storage driver "overlay": layers are directories, merged by the kernel's overlayfs."""
