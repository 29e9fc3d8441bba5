"""What health probes may do to a container."""

import socket
from collections.abc import Sequence
from typing import Final

import trio

from ck.kernel.api.container import Container, ExecSpec
from ck.kernel.drivers.probe import ProbeResult
from ck.kernel.drivers.runtime import STATUS_STREAM, AttachRequest, ExecRequest
from ck.kernel.engine.context import Context, Run
from ck.kernel.engine.exec_process import exec_process
from ck.kernel.engine.names import new_id
from ck.kernel.errors import CkError, Unavailable

_KEPT_BYTES: Final = 4096
_HEADER_BYTES: Final = 8
_END_SECONDS: Final = 5.0
_KILL: Final = 9
_DEFAULT_SHELL: Final = ("/bin/sh", "-c")


class Target:
    """See ProbeTarget."""

    def __init__(self, ctx: Context, container: Container, run: Run) -> None:
        self._ctx, self._container, self._run = ctx, container, run

    async def execute(self, command: Sequence[str]) -> ProbeResult:
        """See ProbeTarget."""
        exec_id = new_id()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            attach = AttachRequest(stream=theirs, status=True, detach_keys=b"")
            request = ExecRequest(
                exec_id=exec_id,
                process=exec_process(self._ctx, self._container, ExecSpec(cmd=tuple(command))),
                user=self._container.config.user,
                groups=self._container.host_config.group_add,
                attach=attach,
            )
            async with self._run.sessions.pass_through():
                await self._run.runtime.exec(request)
            try:
                return await _outcome(ours)
            finally:
                # Shielded, because a probe that was cut short must not leave its process; bounded, for a stuck shim.
                with trio.move_on_after(_END_SECONDS, shield=True):
                    await self._end(exec_id)

    async def shell(self, text: str) -> ProbeResult:
        """See ProbeTarget."""
        return await self.execute([*(self._container.config.shell or _DEFAULT_SHELL), text])

    def network(self) -> int:
        """See ProbeTarget."""
        return self._run.runtime.namespace("net")

    async def _end(self, exec_id: str) -> None:
        try:
            await self._run.runtime.exec_signal(exec_id, _KILL)
            await self._run.runtime.exec_forget(exec_id)
        except CkError:
            return  # the container has ended, and all its sessions with it


async def _outcome(sock: socket.socket) -> ProbeResult:
    """Read the session's output to its end; of a long one the beginning is kept."""
    sock.setblocking(False)
    buffer, output = bytearray(), bytearray()
    while True:
        while len(buffer) >= _HEADER_BYTES:
            length = int.from_bytes(buffer[4:_HEADER_BYTES], "big")
            if len(buffer) < _HEADER_BYTES + length:
                break
            stream, payload = buffer[0], bytes(buffer[_HEADER_BYTES : _HEADER_BYTES + length])
            del buffer[: _HEADER_BYTES + length]
            if stream == STATUS_STREAM:
                return ProbeResult(int(payload), output.decode(errors="replace"))
            output += payload[: _KEPT_BYTES - len(output)]
        await trio.lowlevel.wait_readable(sock)
        chunk = sock.recv(65536)
        if not chunk:
            raise Unavailable("the container ended while its health was checked")
        buffer += chunk
