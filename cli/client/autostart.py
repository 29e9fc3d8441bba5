"""Starting ckd when no socket answers: once, even if many `ck` find that at the same time."""

from __future__ import annotations

import fcntl
import os
import sys

from ck.cli.client.api import DEFAULT_RUN_ROOT
from ck.cli.errors import ConnectionFailed

LOG_TAIL_BYTES = 4096


def start_engine(path: str) -> None:
    """Start ckd for the socket *path* and return when it serves, or when another one does. Raises: ConnectionFailed."""
    run_root = os.environ.get("CK_RUN_ROOT", DEFAULT_RUN_ROOT)
    os.makedirs(run_root, 0o755, exist_ok=True)
    lock = os.open(f"{run_root}/autostart.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # Whoever comes second waits here until the first one's ckd serves: no polling, no second ckd.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _answers(path):
            _start(path, run_root)
    finally:
        os.close(lock)


def _answers(path: str) -> bool:
    from ck.cli.client.connection import Connection

    try:
        Connection(path).close()
    except OSError:
        return False
    return True


def _start(path: str, run_root: str) -> None:
    ready, told = os.pipe2(os.O_CLOEXEC)
    log = os.open(f"{run_root}/ckd.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
    began = os.fstat(log).st_size
    pid = os.fork()
    if pid == 0:
        _become_ckd(path, told, log)
    os.close(told)
    os.close(log)
    try:
        serves = os.read(ready, 1)
    finally:
        os.close(ready)
    if serves:
        return
    # The pipe closed with nothing said: ckd ended. Exit status 0 means that another one serves.
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        raise ConnectionFailed(f"ckd did not start (exit status {status}): {_last_line(f'{run_root}/ckd.log', began)}")


def _become_ckd(path: str, told: int, log: int) -> None:
    """In the child: a session of its own, nothing of ours open, `/` as the working directory."""
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.closerange(3, told)  # what our caller left open for us must not stay open as long as ckd lives
        os.closerange(told + 1, os.sysconf("SC_OPEN_MAX"))
        os.set_inheritable(told, True)
        environment = {**os.environ, "CK_HOST": f"unix://{path}"}
        if search := environment.get("PYTHONPATH"):
            environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, search.split(os.pathsep)))
        os.chdir("/")
        # -P: a ck/ in somebody's working directory must not become root's engine.
        os.execve(sys.executable, [sys.executable, "-P", "-m", "ck.cli.ckd", "--ready-fd", str(told)], environment)
    finally:
        os._exit(127)


def _last_line(log: str, began: int) -> str:
    with open(log, "rb") as file:
        file.seek(max(began, os.path.getsize(log) - LOG_TAIL_BYTES))
        lines = file.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"see {log}"
