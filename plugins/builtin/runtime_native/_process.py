"""The `process` object of a spec as the last part of a plan. Pure."""

import base64
from collections.abc import Collection, Sequence
from typing import Final

import attrs

from ck.kernel.drivers.runtime import TerminalSize
from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.runtime_native._capabilities import compile_capabilities
from ck.plugins.builtin.runtime_native._host import HostFacts
from ck.plugins.builtin.runtime_native._resources import compile_rlimits
from ck.plugins.builtin.runtime_native._section import Section
from ck.plugins.builtin.runtime_native.child.plan import ProcessPlan, TerminalPlan

_MAX_ID: Final = 2**32 - 2  # -1 means "leave it" to setresuid(2)


@attrs.frozen(kw_only=True)
class Circumstances:
    """What a process has that its object in the spec does not say."""

    user: str
    groups: Sequence[str]
    size: TerminalSize
    make_cwd: bool
    init: bool = False
    explicit_rlimits: Collection[str] = ()
    explicit_capabilities: Collection[str] = ()
    seccomp: str = ""  # base64
    seccomp_flags: int = 0


def compile_process(section: Section, around: Circumstances, host: HostFacts) -> ProcessPlan:
    """Raises: InvalidArgument, Unsupported."""
    with section:
        with section.section("user") as user:
            uid, gid = user.integer("uid") or 0, user.integer("gid") or 0
            additional, umask = user.integers("additionalGids"), user.integer("umask")
        for number in (uid, gid, *additional):
            if not 0 <= number <= _MAX_ID:
                raise InvalidArgument(f"{number} is not a user or group ID")
        argv, env, cwd = section.texts("args"), section.texts("env"), section.text("cwd")
        if not argv:
            raise InvalidArgument("there is no program to execute: process.args is empty")
        if not cwd.startswith("/"):
            raise InvalidArgument(f"the working directory {cwd!r} is not an absolute path")
        for entry in env:
            if entry.find("=") < 1:
                raise InvalidArgument(f"the environment entry {entry!r} is not NAME=VALUE")
        score = section.integer("oomScoreAdj") or 0
        if not -1000 <= score <= 1000:
            raise InvalidArgument(f"oomScoreAdj must be between -1000 and 1000, not {score}")
        return ProcessPlan(
            argv=argv,
            env=env,
            cwd=cwd,
            make_cwd=around.make_cwd,
            user=around.user,
            groups=list(around.groups),
            uid=uid,
            gid=gid,
            additional_gids=additional,
            umask=-1 if umask is None else umask,
            rlimits=compile_rlimits(section.sections("rlimits"), around.explicit_rlimits, host),
            capabilities=compile_capabilities(section.section("capabilities"), around.explicit_capabilities, host),
            no_new_privileges=section.flag("noNewPrivileges"),
            seccomp=around.seccomp,
            seccomp_flags=around.seccomp_flags,
            oom_score_adj=score,
            terminal=_terminal(section, around.size),
            init=around.init,
        )


def encode_filter(instructions: bytes | None) -> str:
    """A BPF program as a plan holds it."""
    return base64.b64encode(instructions or b"").decode()


def _terminal(section: Section, size: TerminalSize) -> TerminalPlan | None:
    with section.section("consoleSize") as console:
        rows, columns = console.integer("height") or 0, console.integer("width") or 0
    if not section.flag("terminal"):
        return None
    return TerminalPlan(rows=size.rows or rows, columns=size.columns or columns)
