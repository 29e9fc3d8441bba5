"""What a process may change about itself, and how it forks into a cgroup: prctl(2), clone3(2), close_range(2),
keyctl(2)."""

import ctypes
import errno
import os
import signal
from typing import Final

from ck.kernel.linux.libc import error, function, syscall, syscall_number

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_KEEPCAPS: Final = 8
_PR_SET_NAME: Final = 15
_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_SET_NO_NEW_PRIVS: Final = 38

_CLONE_PARENT: Final = 0x8000
_CLONE_INTO_CGROUP: Final = 0x200000000
_CLOSE_RANGE_CLOEXEC: Final = 0x4
_KEYCTL_JOIN_SESSION_KEYRING: Final = 1
_PF_EXITING: Final = 0x4
_LAST_FD: Final = 0xFFFFFFFF


class _CloneArgs(ctypes.Structure):
    """struct clone_args of clone3(2)."""

    _fields_ = tuple(
        (name, ctypes.c_uint64)
        for name in (
            "flags",
            "pidfd",
            "child_tid",
            "parent_tid",
            "exit_signal",
            "stack",
            "stack_size",
            "tls",
            "set_tid",
            "set_tid_size",
            "cgroup",
        )
    )


prctl = function("prctl", *(ctypes.c_int, *(ctypes.c_ulong,) * 4))
_prctl_text = ctypes.CDLL(None, use_errno=True)["prctl"]
_prctl_text.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)
_close_range = syscall("close_range", ctypes.c_uint, ctypes.c_uint, ctypes.c_uint)
_keyctl = syscall("keyctl", ctypes.c_int, ctypes.c_char_p)
# PyDLL keeps the interpreter's lock over the call: the child has no other thread that could hand it back.
_clone3 = ctypes.PyDLL(None, use_errno=True)["syscall"]
_clone3.argtypes = (ctypes.c_long, ctypes.POINTER(_CloneArgs), ctypes.c_size_t)
_clone3.restype = ctypes.c_long


def is_ending(pid: int) -> bool:
    """Whether process *pid* is on its way out, or gone (proc_pid_stat(5), PF_EXITING in linux/sched.h)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name in parentheses may hold anything; the flags are the seventh field behind it.
            flags = int(file.read().rpartition(b")")[2].split()[6])
    except (FileNotFoundError, ProcessLookupError):
        return True
    return bool(flags & _PF_EXITING)


def set_child_subreaper() -> None:
    """Adopt orphaned descendants, in init's stead."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def set_parent_death_signal(number: int) -> None:
    """Have the kernel send signal *number* when the thread that forked this process ends; 0 for none."""
    prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)


def set_dumpable(dumpable: bool) -> None:
    """Whether other processes without CAP_SYS_PTRACE may look into this one (/proc/PID/exe, mem, fd). execve(2) resets
    it."""
    prctl(_PR_SET_DUMPABLE, int(dumpable), 0, 0, 0)


def set_keep_capabilities(keep: bool) -> None:
    """Whether permitted capabilities survive the change from uid 0 to another."""
    prctl(_PR_SET_KEEPCAPS, int(keep), 0, 0, 0)


def set_no_new_privileges() -> None:
    """From now on execve(2) grants nothing: no set-uid, no file capabilities. Cannot be undone."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def set_name(name: str) -> None:
    """What ps(1) shows as the command; 15 bytes are kept."""
    _prctl_text(_PR_SET_NAME, name.encode(), 0, 0, 0)


def set_title(title: str) -> None:
    """What ps(1) shows as the command line, as far as there is room in that of the program (setproctitle(3)). Nothing
    happens where /proc is not mounted."""
    try:
        with open("/proc/self/stat", "rb") as file:
            # The name in parentheses may hold anything; arg_start is the 46th field behind it (proc_pid_stat(5)).
            start, end = map(int, file.read().rpartition(b")")[2].split()[45:47])
    except OSError:
        return
    if end - start < 2:
        return
    # A last byte that is not NUL tells the kernel that the title ends at the first NUL (fs/proc/base.c).
    text = os.fsencode(title)[: end - start - 2].ljust(end - start - 1, b"\0") + b" "
    ctypes.memmove(start, text, len(text))


def fork_into_cgroup(cgroup: int, *, sibling: bool = False) -> int:
    """fork(2) whose child begins in the cgroup v2 group that the directory fd *cgroup* is; return as fork does. With
    *sibling* the child is the caller's parent's, which gets SIGCHLD for it and waits for it.

    A process moved after its fork waits for an RCU grace period (about 10 ms); this one does not. Only for a
    process with a single thread: the interpreter's hooks for forks do not run.
    """
    return _fork(_CLONE_INTO_CGROUP, cgroup, sibling=sibling)


def fork_sibling() -> int:
    """fork(2) whose child is the caller's parent's. For processes with a single thread, as `fork_into_cgroup`."""
    return _fork(0, 0, sibling=True)


def _fork(flags: int, cgroup: int, *, sibling: bool) -> int:
    number = syscall_number("clone3")
    if number is None:
        raise error("clone3", number=errno.ENOSYS)
    # A sibling has the caller's own exit signal; naming one is EINVAL.
    kind = {"flags": flags | _CLONE_PARENT} if sibling else {"flags": flags, "exit_signal": signal.SIGCHLD}
    arguments = _CloneArgs(cgroup=cgroup, **kind)
    pid: int = _clone3(number, ctypes.byref(arguments), ctypes.sizeof(arguments))
    if pid == -1:
        raise error("clone3")
    return pid


def close_range(first: int, last: int = _LAST_FD) -> None:
    """Close every fd from *first* to *last*, both included."""
    if first <= last:
        _close_range(first, last, 0)


def set_close_on_exec(first: int, last: int = _LAST_FD) -> None:
    """Let every fd from *first* to *last* close by itself at execve(2)."""
    _close_range(first, last, _CLOSE_RANGE_CLOEXEC)


def join_session_keyring(name: str) -> None:
    """Leave the inherited session keyring for one called *name* (keyrings(7))."""
    _keyctl(_KEYCTL_JOIN_SESSION_KEYRING, name.encode())
