"""Control groups on a machine whose systemd owns the hierarchy: a part of it is asked for and left to us
(https://systemd.io/CGROUP_DELEGATION)."""

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

from ck.kernel.errors import Unavailable, Unsupported
from ck.kernel.linux.cgroup import Layout, Mode

SLICE: Final = "ck.slice"
_DEFAULT_STATE: Final = Path("/run/ck/runtime/native")
_BOOTED: Final = Path("/run/systemd/system")  # sd_booted(3)


def is_in_charge(layout: Layout) -> bool:
    """Whether systemd owns this machine's cgroup hierarchy. On v1 and hybrid machines it leaves the controllers'
    hierarchies to whoever makes groups there."""
    return layout.mode is Mode.V2 and _BOOTED.is_dir() and shutil.which("systemd-run") is not None


def scope_name(state: Path) -> str:
    """The scope of the engine whose runtime keeps its state there: more than one may run on a machine."""
    if state == _DEFAULT_STATE:
        return "ck.scope"
    return f"ck-{hashlib.sha256(str(state).encode()).hexdigest()[:12]}.scope"


def slice_path(name: str) -> str:
    """Where the slice *name* is below the root: "a-b.slice" is in "a.slice" (systemd.slice(5)). Raises: Unsupported."""
    parts = name.removesuffix(".slice").split("-")
    if name == "-.slice":
        return ""
    if not all(parts):
        raise Unsupported(f"{name!r} is not the name of a systemd slice")
    return "/".join(f"{'-'.join(parts[: place + 1])}.slice" for place in range(len(parts)))


def scope_command(scope: str, parent: str) -> list[str]:
    """What goes before a command that is to run in a new scope of the slice *parent*, which is then ours to divide."""
    options = [f"--unit={scope}", f"--slice={parent}", "--property=Delegate=yes", "--property=TasksMax=infinity"]
    return ["systemd-run", "--scope", "--quiet", "--collect", *options, "--"]


class HeldScope:
    """A scope of one container, kept by a process until the container's own are in it. All of it blocks."""

    def __init__(self, layout: Layout, container_id: str, parent: str) -> None:
        """In the slice *parent*. Raises: Unavailable, Unsupported."""
        if not is_in_charge(layout):
            raise Unsupported(f"--cgroup-parent {parent}: systemd has no say about this machine's control groups")
        self.path = f"{slice_path(parent)}/ck-{container_id[:12]}.scope"
        command = [*scope_command(f"ck-{container_id[:12]}.scope", parent), "sh", "-c", "echo; exec cat"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self._process.stdout is not None and self._process.stderr is not None
        if not self._process.stdout.readline():
            said = self._process.stderr.read().decode(errors="replace").strip()
            self.close()
            raise Unavailable(f"systemd makes no scope in {parent}: {said}")
        # Into a group of its own: one with processes hands no controllers down.
        leaf = Path(layout.unified, self.path, "ck-keeper")
        leaf.mkdir(exist_ok=True)
        (leaf / "cgroup.procs").write_text(str(self._process.pid))

    def close(self) -> None:
        """The container keeps it now, or nobody."""
        self._process.communicate()
