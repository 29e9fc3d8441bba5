"""What the checks of runtime drivers work with: small bundles, and a client at the other end of an attached socket."""

import itertools
import os
import socket
import struct
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import attrs
import trio

from ck.kernel.drivers.log import LogSink
from ck.kernel.drivers.runtime import AttachRequest, Bundle, RuntimeContainer, RuntimeDriver
from ck.kernel.drivers.storage import RootMount

MakeDriver = Callable[[], RuntimeDriver]

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
WAIT_SECONDS: Final = 30.0
_FRAME: Final = struct.Struct("!BxxxI")
_serial = itertools.count()


def expect(true: bool, what: str) -> None:
    """Raise AssertionError with *what* the driver did, unless *true*."""
    if not true:
        raise AssertionError(f"runtime driver: {what}")


def make_spec(*argv: str, terminal: bool = False) -> dict[str, Any]:
    """A small OCI spec that runs *argv* in namespaces of its own."""
    return {
        "ociVersion": "1.2.0",
        "root": {"path": "rootfs"},
        "hostname": "ck",
        "process": make_process(*argv, terminal=terminal),
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
            {
                "destination": "/dev",
                "type": "tmpfs",
                "source": "tmpfs",
                "options": ["nosuid", "mode=755", "size=65536k"],
            },
            {
                "destination": "/dev/pts",
                "type": "devpts",
                "source": "devpts",
                "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
            },
        ],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "uts", "ipc", "network", "cgroup")]},
    }


def make_process(*argv: str, terminal: bool = False) -> dict[str, Any]:
    """The `process` object of a spec."""
    user = {"uid": 0, "gid": 0}
    return {"args": list(argv), "env": [f"PATH={PATH}", "TERM=xterm"], "cwd": "/", "terminal": terminal, "user": user}


@attrs.frozen(kw_only=True)
class Bench:
    """Makes drivers and bundles below one directory."""

    make: MakeDriver
    root: tuple[RootMount, ...]
    directory: Path

    @asynccontextmanager
    async def driver(self) -> AsyncIterator[RuntimeDriver]:
        """An open driver; drivers of one bench share their state."""
        driver = self.make()
        await driver.open(self.directory / "state", self.directory / "persistent")
        try:
            yield driver
        finally:
            await driver.close()

    def bundle(self, *argv: str, terminal: bool = False, **settings: Any) -> Bundle:
        """A bundle with a new ID that runs *argv*."""
        container_id = f"ck{os.getpid():x}{next(_serial):04x}".ljust(64, "0")
        return Bundle(
            container_id=container_id,
            spec=make_spec(*argv, terminal=terminal),
            root=self.root,
            log=LogSink(format="none", max_size=1 << 20, max_files=1),
            log_directory=self.directory / "containers" / container_id / "log",
            **settings,
        )

    @asynccontextmanager
    async def container(self, driver: RuntimeDriver, *argv: str, **settings: Any) -> AsyncIterator[RuntimeContainer]:
        """A container that is made but not started; deleted at the end."""
        bundle = self.bundle(*argv, **settings)
        (self.directory / "containers" / bundle.container_id).mkdir(parents=True)
        container = await driver.create(bundle)
        try:
            yield container
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + WAIT_SECONDS):
                await container.delete()


class Client:
    """The user's end of an attached connection."""

    def __init__(self, *, terminal: bool = False) -> None:
        self._terminal = terminal
        ours, self._theirs = socket.socketpair()
        self.stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))

    def request(self, **settings: Any) -> AttachRequest:
        """A request to serve this client."""
        return AttachRequest(stream=self._theirs, **settings)

    async def read(self) -> tuple[bytes, bytes]:
        """All of stdout and stderr, until the end; of a terminal all is stdout."""
        if self._terminal:
            return await self._read_raw(), b""
        frames = await self.read_frames()
        expect(not frames.keys() - {1, 2}, f"there are frames of other streams than stdout and stderr: {frames}")
        return frames.get(1, b""), frames.get(2, b"")

    async def read_frames(self) -> dict[int, bytes]:
        """The payloads of all frames until the end, joined by stream."""
        return split_frames(await self._read_raw())

    async def _read_raw(self) -> bytes:
        raw = bytearray()
        async for chunk in self.stream:
            raw += chunk
        return bytes(raw)

    async def read_until(self, text: bytes) -> bytes:
        """Raw bytes until *text* has come."""
        raw = bytearray()
        while text not in raw:
            chunk = await self.stream.receive_some()
            expect(bool(chunk), f"the stream ended before {text!r}: {bytes(raw[-200:])!r}")
            raw += chunk
        return bytes(raw)

    async def aclose(self) -> None:
        """Hang up."""
        self._theirs.close()
        await self.stream.aclose()


def split_frames(raw: bytes) -> dict[int, bytes]:
    """The payloads of Docker's frames, joined by stream."""
    streams: defaultdict[int, bytearray] = defaultdict(bytearray)
    at = 0
    while at < len(raw):
        number, size = _FRAME.unpack_from(raw, at)
        at += _FRAME.size
        expect(at + size <= len(raw), f"a frame at byte {at} is cut short")
        streams[number] += raw[at : at + size]
        at += size
    return {number: bytes(payload) for number, payload in streams.items()}
