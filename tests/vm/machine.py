"""Boot the machine, have it run one command, stream what that says, return its exit code."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final

READY_SECONDS: Final = 240
_SHARE_BYTES: Final = 4 << 30
_LETTERS: Final = "bcde"  # vdb and on: vda is the root


class MachineFailed(Exception):
    """The machine, not what it ran."""


def run(
    image: Path,
    script: str,
    *,
    tiny: bool,
    seconds: float,
    shares: Mapping[str, Path] | None = None,
    disk: Path | None = None,
) -> int:
    """Run *script* (bash) as root. *shares* are directories that it finds, read-only, at the paths that are their keys.
    What it writes is lost, unless *disk* is given: then the disk is that file, made of the image's at first, and two
    runs on one disk are a reboot.

    Raises: MachineFailed, also when it takes more than *seconds*.
    """
    work = Path(tempfile.mkdtemp(prefix="ck-vm-"))
    try:
        mounts = [_share(work / f"share{place}", path) for place, path in enumerate((shares or {}).values())]
        if disk is not None and not disk.exists():
            _call("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(image / "disk"), str(disk))
        root = f"{disk}" if disk else f"{image}/disk,format=raw,snapshot=on"
        prologue = [f"date -s @{int(time.time())} >/dev/null"]
        for letter, path in zip(_LETTERS, shares or {}, strict=False):
            prologue.append(
                f"mkdir -p {shlex.quote(path)} && mount -o ro /dev/vd{letter} {shlex.quote(path)} || exit 125"
            )
        with _Qemu(_command(image, root, mounts, work, tiny=tiny)) as qemu:
            return qemu.job("\n".join([*prologue, script]), time.monotonic() + seconds, keep=disk is not None)
    except MachineFailed:
        console = work / "console"
        if console.exists():
            sys.stderr.write("".join(f"{line}\n" for line in console.read_text(errors="replace").splitlines()[-20:]))
        raise
    finally:
        shutil.rmtree(work)


def _share(file: Path, directory: Path) -> Path:
    with file.open("wb") as disk:
        disk.truncate(_SHARE_BYTES)
    _call("mkfs.ext4", "-q", "-F", "-m0", "-O", "^has_journal", "-d", str(directory), str(file))
    return file


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MachineFailed(f"{command[0]}: {done.stderr.strip()}")


def _command(image: Path, root: str, shares: list[Path], work: Path, *, tiny: bool) -> list[str]:
    append = "console=ttyS0 quiet panic=-1 no_timer_check mitigations=off net.ifnames=0 systemd.show_status=0"
    command = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    command += ["-machine", "pc", "-accel", "tcg,thread=multi", "-cpu", "max,la57=off", "-smp", "2", "-m", "2G"]
    command += ["-kernel", str(image / "kernel"), "-initrd", str(image / "initrd")]
    command += ["-append", f"{append} ck.tiny={int(tiny)}", "-serial", f"file:{work}/console"]
    command += ["-drive", f"file={root},if=none,id=root,cache=unsafe", "-device", "virtio-blk-pci,drive=root"]
    for place, share in enumerate(shares):
        command += ["-drive", f"file={share},format=raw,if=none,id=share{place},snapshot=on"]
        command += ["-device", f"virtio-blk-pci,drive=share{place}"]
    command += ["-device", "virtio-serial-pci"]
    for name in ("control", "out"):
        command += ["-device", f"virtserialport,chardev={name},name={name}"]
    return command


class _Qemu:
    """A running machine; it ends with the block, or with this process."""

    def __init__(self, command: list[str]) -> None:
        self._control, control = socket.socketpair()
        self._out, out = socket.socketpair()
        for name, end in (("control", control), ("out", out)):
            command += ["-chardev", f"socket,id={name},fd={end.fileno()}"]
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            pass_fds=(control.fileno(), out.fileno()),
        )
        control.close()
        out.close()

    def __enter__(self) -> "_Qemu":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._control.close()
        self._out.close()

    def job(self, script: str, deadline: float, *, keep: bool) -> int:
        """Run it, relay its output, return its exit code. Raises: MachineFailed."""
        self._control.settimeout(READY_SECONDS)
        try:
            if self._control.recv(64) != b"ready\n":
                raise MachineFailed("the machine ended before it was up")
            end = f"end-{uuid.uuid4().hex}"
            self._control.sendall(f"{end}\n{script}\n{end}\n".encode())
            code = self._relay(end.encode(), deadline)
            if keep:
                self._control.sendall(b"off\n")
                self._process.wait(READY_SECONDS)
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            raise MachineFailed("out of time") from error
        return code

    def _relay(self, end: bytes, deadline: float) -> int:
        held = b""
        while True:
            self._out.settimeout(max(0.1, deadline - time.monotonic()))
            part = self._out.recv(65536)
            if not part:
                raise MachineFailed("the machine ended before the command did")
            held += part
            before, found, after = held.partition(b"\n" + end + b" ")
            if found and b"\n" in after:
                _write(before)
                return int(after.partition(b"\n")[0])
            # What may be the end's beginning stays here until more comes.
            ready = held if found else held[: max(0, len(held) - len(end) - 8)]
            if not found:
                _write(ready)
                held = held[len(ready) :]
            if time.monotonic() > deadline:
                raise TimeoutError


def _write(data: bytes) -> None:
    sys.stdout.flush()
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]
