"""The noun `exec`: further processes in running containers.

Sessions live in memory, as long as their container runs.
"""

import logging
import shlex
from collections.abc import Sequence
from typing import Final

import attrs

from ck.kernel.api.container import Container, ExecSession, ExecSpec
from ck.kernel.drivers.runtime import AttachRequest, ExecRequest, RuntimeContainer, TerminalSize
from ck.kernel.engine.context import Context
from ck.kernel.engine.exec_process import exec_process
from ck.kernel.engine.merge import merge_env
from ck.kernel.engine.names import by_prefix, new_id
from ck.kernel.errors import CkError, Conflict, InvalidArgument, NotFound
from ck.kernel.events import Event
from ck.kernel.lifecycle import State

log: Final = logging.getLogger(__name__)

_KEPT: Final = 64  # ended sessions a container, for clients that ask late


class Execs:
    """ck.kernel.api.engine.Execs."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._sessions: dict[str, ExecSession] = {}

    async def create(self, container: str, spec: ExecSpec) -> str:
        target = self._ctx.find_container(container)
        self._check_running(target)
        if not spec.cmd or not spec.cmd[0]:
            raise InvalidArgument("no exec command specified")
        if spec.working_dir and not spec.working_dir.startswith("/"):
            raise InvalidArgument(f"invalid working directory {spec.working_dir!r}: it must be absolute")
        merge_env(target.config.env, spec.env)
        self._sweep()
        session = ExecSession(id=new_id(), container_id=target.id, spec=spec)
        self._sessions[session.id] = session
        self._tell_later(target, session, f"exec_create: {shlex.join(spec.cmd)}")
        return session.id

    async def check_startable(self, exec_id: str) -> ExecSession:
        session = self._find(exec_id)
        if session.running or session.exit_code is not None:
            raise Conflict(f"exec session {session.id[:12]} has been started already")
        self._check_running(self._ctx.find_container(session.container_id))
        return session

    async def start(self, exec_id: str, request: AttachRequest | None, size: TerminalSize | None = None) -> None:
        session = await self.check_startable(exec_id)
        container = self._ctx.find_container(session.container_id)
        run = self._ctx.run_of(container)
        self._sessions[session.id] = session = attrs.evolve(session, running=True)
        rows, columns = session.spec.console_size
        try:
            async with run.sessions.pass_through():
                self._check_running(self._ctx.find_container(session.container_id))  # it may have been paused meanwhile
                started = await run.runtime.exec(
                    ExecRequest(
                        exec_id=session.id,
                        process=exec_process(self._ctx, container, session.spec),
                        user=session.spec.user or container.config.user,
                        groups=container.host_config.group_add,
                        size=size or TerminalSize(rows=rows, columns=columns),
                        attach=request,
                    )
                )
        except CkError as error:
            code = getattr(error, "exit_code", 125)
            self._sessions[session.id] = attrs.evolve(session, running=False, exit_code=code)
            raise
        self._sessions[session.id] = attrs.evolve(session, pid=started.pid)
        self._ctx.spawn(self._watch, run.runtime, container, session.id)
        self._tell_later(container, session, f"exec_start: {shlex.join(session.spec.cmd)}")

    def adopt(self, container: Container, runtime: RuntimeContainer) -> None:
        """Know the sessions that an engine before has started: their clients ask for the exit code. What they were
        started with is not known any more."""
        for exec_id in runtime.exec_sessions():
            session = ExecSession(id=exec_id, container_id=container.id, spec=ExecSpec(cmd=("",)), running=True)
            self._sessions[exec_id] = session
            self._ctx.spawn(self._watch, runtime, container, exec_id)

    async def get(self, exec_id: str) -> ExecSession:
        return self._find(exec_id)

    async def of(self, container_id: str) -> Sequence[str]:
        return [each.id for each in self._sessions.values() if each.container_id == container_id and each.running]

    async def resize(self, exec_id: str, size: TerminalSize) -> None:
        session = self._find(exec_id)
        if not session.running:
            raise Conflict(f"exec session {session.id[:12]} is not running")
        container = self._ctx.find_container(session.container_id)
        await self._ctx.run_of(container).runtime.exec_resize(session.id, size)

    def _sweep(self) -> None:
        """Forget the sessions of containers that are gone, and of each other container all but the last that ended."""
        kept: dict[str, int] = {}
        for session in list(reversed(self._sessions.values())):
            if session.container_id not in self._ctx.store.containers and not session.running:
                del self._sessions[session.id]
            elif session.exit_code is not None:
                kept[session.container_id] = kept.get(session.container_id, 0) + 1
                if kept[session.container_id] > _KEPT:
                    del self._sessions[session.id]

    async def _watch(self, runtime: RuntimeContainer, container: Container, exec_id: str) -> None:
        try:
            code = (await runtime.exec_wait(exec_id)).code
        except CkError as error:
            log.warning("lost sight of exec session %s in %s: %s", exec_id[:12], container.name, error)
            code = 137
        session = attrs.evolve(self._sessions[exec_id], running=False, exit_code=code)
        self._sessions[exec_id] = session
        self._tell_later(container, session, "exec_die", exitCode=str(code))
        try:
            await runtime.exec_forget(exec_id)
        except CkError as error:
            log.warning("exec session %s is not forgotten: %s", exec_id[:12], error)

    def _check_running(self, container: Container) -> None:
        status = container.state.status
        if status is State.PAUSED:
            raise Conflict(f"container {container.name} is paused, unpause it before exec")
        if status is not State.RUNNING:
            raise Conflict(f"container {container.id} is not running")

    def _find(self, exec_id: str) -> ExecSession:
        session = self._sessions.get(exec_id)
        if session is None:
            prefixed = by_prefix(exec_id, self._sessions, "exec session")
            session = self._sessions.get(prefixed) if prefixed else None
        if session is None:
            raise NotFound(f"No such exec instance: {exec_id}")
        return session

    def _tell_later(self, container: Container, session: ExecSession, action: str, **attributes: str) -> None:
        """Sessions have no records, so nobody need wait until their events are on the disk."""
        event = self._ctx.container_event(container, action, execID=session.id, **attributes)
        self._ctx.spawn(self._record, event)

    async def _record(self, event: Event) -> None:
        try:
            await self._ctx.store.commit([], [event])
        except CkError as error:
            log.warning("cannot record the event %r: %s", event.action, error)
