"""What a process is doing, for people: /proc/PID/stat, comm and wchan (proc(5))."""

from typing import Final

_STATES: Final = {
    "D": "waits in the kernel and cannot be killed",
    "T": "is stopped by a signal (SIGCONT lets it go on)",
    "t": "is stopped by a debugger",
    "Z": "has ended, and its parent has not asked for its status",
}


def process_state(pid: int) -> str:
    """The letter of its state ("R", "S", "D", "T", ...); "" where there is no such process."""
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return fields[0] if fields else ""


def describe_process(pid: int) -> str:
    """`process 123 (cat) waits in the kernel and cannot be killed, in nfs_wait_bit_killable`."""
    state = process_state(pid)
    where = _read(pid, "wchan").strip() if state == "D" else ""
    place = f", in {where}" if where not in ("", "0") else ""
    return f"process {pid} ({_read(pid, 'comm').strip() or 'gone'}) {_STATES.get(state, 'runs')}{place}"


def _read(pid: int, name: str) -> str:
    try:
        with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
