"""Give up power, in the only order that works (capabilities(7), seccomp(2)): rlimits, bounding set, user, seccomp,
capabilities."""

import base64
import errno
import os
from typing import Final

from ck.kernel.linux.capability import CAPABILITIES, limit_bounding, permitted, set_ambient, set_capabilities
from ck.kernel.linux.namespace import CLONE_FLAGS, setns
from ck.kernel.linux.process import join_session_keyring, set_keep_capabilities, set_no_new_privileges
from ck.kernel.linux.rlimit import set_limit
from ck.kernel.linux.seccomp import load_filter
from ck.plugins.builtin.runtime_native.child.plan import CapabilityPlan, ProcessPlan
from ck.plugins.builtin.runtime_native.child.steps.failure import StepFailed, doing, reason
from ck.plugins.builtin.runtime_native.child.steps.identity import Identity

_SYS_ADMIN: Final = 1 << CAPABILITIES["CAP_SYS_ADMIN"]


def set_oom_score(score: int) -> None:
    """How soon the kernel takes this process when memory runs out. The shim's own score must not be inherited."""
    with doing(f"set the OOM score adjustment to {score}"):
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        os.write(fd, str(score).encode())
        os.close(fd)


def renew_keyring(container_id: str) -> None:
    """Leave the engine's session keyring."""
    try:
        join_session_keyring(f"ck.{container_id}")
    except OSError as exc:
        # A kernel without keyrings, or an engine that is itself contained: there is nothing to leave then.
        if exc.errno not in (errno.ENOSYS, errno.EPERM):
            raise StepFailed(f"cannot make a session keyring: {reason(exc)}", errno=exc.errno or 0) from exc


def become(plan: ProcessPlan, identity: Identity, users: int | None) -> None:
    """Turn from the engine's root into the container's user, in the user namespace *users* (an fd) if there is one.
    After that only execve(2) is left to do."""
    for limit in plan["rlimits"]:
        with doing(f"set ulimit {limit['name'].removeprefix('RLIMIT_').lower()} to {limit['soft']}:{limit['hard']}"):
            set_limit(limit["number"], limit["soft"], limit["hard"])
    if users is not None:
        # Of all that comes before, only rlimits need the host's power. It gives every capability, and a whole bounding
        # set, for what is the namespace's.
        with doing("enter the user namespace"):
            setns(users, CLONE_FLAGS["user"])
    instructions = base64.b64decode(plan["seccomp"])
    with doing("drop capabilities from the bounding set"):
        limit_bounding(plan["capabilities"]["bounding"], plan["capabilities"]["last"])
    if plan["no_new_privileges"]:
        with doing("forbid new privileges"):
            set_no_new_privileges()
    with doing(f"become user {identity.uid}, group {identity.gid}"):
        set_keep_capabilities(True)
        os.setgroups(identity.groups)
        os.setresgid(identity.gid, identity.gid, identity.gid)
        os.setresuid(identity.uid, identity.uid, identity.uid)
        set_keep_capabilities(False)
    # Without no_new_privs a filter takes CAP_SYS_ADMIN, so it comes before the capabilities go; with it, it comes
    # last, and need not allow the calls that drop them.
    if instructions and not plan["no_new_privileges"]:
        with doing("load the seccomp filter"):
            set_capabilities(effective=_SYS_ADMIN, permitted=permitted(), inheritable=0)
            load_filter(instructions, plan["seccomp_flags"])
    _set_capabilities(plan["capabilities"])
    if instructions and plan["no_new_privileges"]:
        with doing("load the seccomp filter"):
            load_filter(instructions, plan["seccomp_flags"])


def _set_capabilities(plan: CapabilityPlan) -> None:
    with doing("set the capabilities"):
        set_capabilities(effective=plan["effective"], permitted=plan["permitted"], inheritable=plan["inheritable"])
        set_ambient(plan["ambient"])
