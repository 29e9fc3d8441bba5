"""Where the program starts."""

import os

from ck.plugins.builtin.runtime_native.child.steps.failure import StepFailed, quote, reason
from ck.plugins.builtin.runtime_native.child.steps.program import NOT_EXECUTABLE, NOT_FOUND


def change(path: str, uid: int, gid: int, *, make: bool) -> None:
    """Go to *path* inside the container's root; with *make*, what is missing of it is made and given to *uid* and
    *gid*."""
    try:
        if make:
            _make(path, uid, gid)
        os.chdir(path)
        # A directory outside the root has no path here: /proc/self/fd/N of a leaked fd (CVE-2024-21626).
        if not os.getcwd().startswith("/"):
            raise FileNotFoundError(2, "outside the container")
    except OSError as exc:
        code = NOT_FOUND if isinstance(exc, FileNotFoundError) else NOT_EXECUTABLE
        message = f"cannot change to the working directory {quote(path)}: {reason(exc)}"
        raise StepFailed(message, errno=exc.errno or 0, exit_code=code) from exc


def _make(path: str, uid: int, gid: int) -> None:
    missing = []
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    for directory in reversed(missing):
        os.mkdir(directory, 0o755)
        os.chown(directory, uid, gid)
