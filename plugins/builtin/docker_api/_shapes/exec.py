"""Exec sessions: the bodies of create and start, and what an inspect shows. Pure."""

from typing import Final

from ck.kernel.api.container import ExecSession, ExecSpec
from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.docker_api._shapes.codec import COMMAND, FLAG, PAIR, TEXT, WORDS, Field, Json, Table

_CREATE: Final = Table(
    Field("Cmd", "cmd", COMMAND),
    Field("AttachStdin", "attach_stdin", FLAG),
    Field("AttachStdout", "attach_stdout", FLAG),
    Field("AttachStderr", "attach_stderr", FLAG),
    Field("Tty", "tty", FLAG),
    Field("Env", "env", WORDS),
    Field("User", "user", TEXT),
    Field("WorkingDir", "working_dir", TEXT),
    Field("Privileged", "privileged", FLAG),
    Field("DetachKeys", "detach_keys", TEXT),
    Field("ConsoleSize", "console_size", PAIR),
    # Whether to detach is said again at start, and counts there; the container is named by the path.
    ignored=("Detach", "Container"),
)

START: Final = Table(
    Field("Detach", "detach", FLAG), Field("Tty", "tty", FLAG), Field("ConsoleSize", "console_size", PAIR)
)


def exec_spec(body: Json) -> ExecSpec:
    """The body of POST /containers/{id}/exec. Raises: InvalidArgument."""
    attributes = _CREATE.load(body, "")
    if not attributes.get("cmd"):
        raise InvalidArgument("No exec command specified")
    return ExecSpec(**attributes)


def exec_json(session: ExecSession) -> Json:
    spec = session.spec
    return {
        "ID": session.id,
        "Running": session.running,
        "ExitCode": session.exit_code,
        "ProcessConfig": {
            "tty": spec.tty,
            "entrypoint": spec.cmd[0],
            "arguments": list(spec.cmd[1:]),
            "privileged": spec.privileged,
            "user": spec.user,
        },
        "OpenStdin": spec.attach_stdin,
        "OpenStderr": spec.attach_stderr,
        "OpenStdout": spec.attach_stdout,
        "CanRemove": session.exit_code is not None,
        "ContainerID": session.container_id,
        "DetachKeys": spec.detach_keys,
        "Pid": session.pid,
    }
