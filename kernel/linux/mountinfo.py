"""What is mounted where: /proc/self/mountinfo (proc_pid_mountinfo(5))."""

import os
from pathlib import Path


def file_system_of(path: Path) -> str:
    """The type of the file system that *path* is on ("ext4", "btrfs"); "unknown" where the kernel does not tell."""
    device = path.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines():
        # ID, parent, major:minor, root, mount point, options, optional fields, a dash, type, source, options
        fields = line.split(" ")
        if fields[2] == wanted:
            return fields[fields.index("-", 6) + 1]
    return "unknown"
