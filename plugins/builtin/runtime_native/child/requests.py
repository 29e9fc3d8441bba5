"""What ckd asks of a shim: each request carried out and answered once."""

import os
import socket
from typing import TYPE_CHECKING, Any

from ck.plugins.builtin.runtime_native.child import wire
from ck.plugins.builtin.runtime_native.child.steps.failure import StepFailed

if TYPE_CHECKING:
    from ck.plugins.builtin.runtime_native.child.container import Container


class Requests:
    """Turns messages into calls of *container*."""

    def __init__(self, container: "Container") -> None:
        self._container = container

    def serve(self, ckd: wire.ShimToCkd, message: wire.Message) -> None:
        """Carry out *message* and answer *ckd*. Nothing that it asks for, or that fails, ends the shim."""
        request: int = message.payload["request"]
        try:
            refusal = self._carry_out(ckd, request, message)
        except StepFailed as exc:
            refusal = exc.message
        except OSError as exc:
            refusal = f"the container's shim failed: {exc.strerror or exc}"
        finally:
            for fd in message.fds:
                os.close(fd)
        if refusal:
            failure = wire.failure(message.kind.name.lower(), 0, refusal)
            self._container.answer(ckd, lambda ckd: ckd.refused(request, failure))

    def _carry_out(self, ckd: wire.ShimToCkd, request: int, message: wire.Message) -> str:
        """Return "", or a sentence where it is refused."""
        container, payload = self._container, message.payload
        match message.kind:
            case wire.Kind.GO:
                return self._go(ckd, request)
            case wire.Kind.EXEC:
                return self._exec(ckd, message)
            case wire.Kind.STATE:
                self._state(ckd, request)
                return ""
            case wire.Kind.DELETE:
                container.delete()
                return ""
            case wire.Kind.ATTACH:
                container.attach(socket.socket(fileno=message.fds.pop()), payload)
            case wire.Kind.RESIZE:
                if (streams := container.streams(payload["target"])) is not None:
                    streams.resize(payload["rows"], payload["columns"])
            case wire.Kind.EXEC_SIGNAL:
                if (session := container.session(payload["exec_id"])) is not None:
                    session.process.signal(payload["number"])
            case wire.Kind.EXEC_FORGET:
                if (session := container.session(payload["exec_id"])) is not None:
                    session.forget()
            case _:
                return f"{message.kind.name} is not a request"
        container.answer(ckd, lambda ckd: ckd.done(request))
        return ""

    def _go(self, ckd: wire.ShimToCkd, request: int) -> str:
        def answer(failure: dict[str, Any] | None, time: int) -> None:
            if failure is None:
                self._container.answer(ckd, lambda ckd: ckd.done(request, time=time))
            else:
                self._container.answer(ckd, lambda ckd: ckd.refused(request, failure))

        return "" if self._container.go(answer) else "the container's program was executed before, or has ended"

    def _exec(self, ckd: wire.ShimToCkd, message: wire.Message) -> str:
        if not self._container.is_running():
            return "the container is not running"
        plan = message.fds[0]
        client = socket.socket(fileno=message.fds.pop(1)) if len(message.fds) > 1 else None
        self._container.exec(ckd, message.payload, plan, client)
        return ""

    def _state(self, ckd: wire.ShimToCkd, request: int) -> None:
        pidfd = self._container.pidfd
        fds = (pidfd,) if pidfd >= 0 else ()
        self._container.answer(ckd, lambda ckd: ckd.done(request, fds, **self._container.state()))
