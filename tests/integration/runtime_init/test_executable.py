"""A program executed through a read-only mount of its own."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ck.kernel.linux.executable import open_read_only
from tests.support.busybox import static_busybox


def test_what_stands_behind_proc_exe_cannot_be_written(tmp_path: Path) -> None:
    program = tmp_path / "busybox"
    shutil.copy(static_busybox(), program)
    fd = open_read_only(str(program))
    try:
        process = subprocess.Popen(["cat"], executable=f"/proc/self/fd/{fd}", pass_fds=(fd,), stdin=subprocess.PIPE)
        link = os.open(f"/proc/{process.pid}/exe", os.O_PATH)
        process.communicate()
        # While it ran the answer was ETXTBSY anyway; the attack waits until it has ended.
        with pytest.raises(OSError, match="Read-only file system"):
            os.open(f"/proc/self/fd/{link}", os.O_WRONLY)
        os.close(link)
    finally:
        os.close(fd)
    assert process.returncode == 0
