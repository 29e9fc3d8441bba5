"""RUN: its flags, and how its heredocs reach the shell (reference.md, "RUN" and "Here-Documents")."""

from collections.abc import Mapping
from typing import Any, Final

from ck.kernel.dockerfile.arguments import command_line
from ck.kernel.dockerfile.errors import DockerfileError, did_you_mean
from ck.kernel.dockerfile.flags import Flags
from ck.kernel.dockerfile.heredoc import Heredoc, parse_heredoc
from ck.kernel.dockerfile.instructions import Run
from ck.kernel.dockerfile.lexer import Statement
from ck.kernel.dockerfile.mounts import mount_source, parse_mount

NETWORKS: Final = ("default", "none", "host")
SECURITY: Final = ("sandbox", "insecure")
SCRIPTS: Final = "/dev/pipes"
"""Where a RUN finds the heredoc that is its script."""


def read_run(statement: Statement, _: str, place: Mapping[str, Any]) -> Run:
    flags = Flags(statement.flags, texts=["network", "security"], lists=["mount", "device"])
    network, security = flags.text("network") or "default", flags.text("security") or "sandbox"
    if network not in NETWORKS:
        raise DockerfileError(f'invalid network mode "{network}"{did_you_mean(network, NETWORKS)}')
    if security not in SECURITY:
        raise DockerfileError(f'security "{security}" is not valid{did_you_mean(security, SECURITY)}')
    for flag in flags.texts("mount"):
        mount_source(flag)
        if "$" not in flag:
            # Wrong for every value of every variable, so it is told before anything is built.
            parse_mount(flag, lambda text: text)
    command, script = _with_heredocs(statement)
    return Run(
        **command,
        mount_flags=flags.texts("mount"),
        network=network,
        security=security,
        devices=flags.texts("device"),
        script=script,
        **place,
    )


def _with_heredocs(statement: Statement) -> tuple[dict[str, Any], Heredoc | None]:
    """The command of a RUN as its shell is to see it, and the script that it names, if it does."""
    command = command_line(statement.rest)
    heredocs = statement.heredocs
    if not heredocs:
        return command, None
    if parse_heredoc(statement.rest) is None:
        # It redirects heredocs or names a program for them: put together again for the shell to read.
        bodies = "".join(f"\n{heredoc.content}{heredoc.name}" for heredoc in heredocs)
        return command | {"args": (statement.rest + bodies,)}, None
    if not heredocs[0].text.startswith("#!"):
        return command | {"args": (heredocs[0].text,)}, None
    return command | {"args": (f"{SCRIPTS}/{heredocs[0].name}",)}, heredocs[0]
