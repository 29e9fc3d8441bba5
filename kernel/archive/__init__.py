"""Tar archives and directory trees: unpack, pack, copy, compare and remove, never following a link out of the tree.

Standard library, kernel.linux and kernel.errors only. Names are bytes, as the kernel has them; directories are fds.
"""
