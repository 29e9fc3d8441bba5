"""Container init and exec session: everything between fork and exec. Executes a plan; decides nothing.

How the shim and its helper (maker.py) use it, single-threaded throughout:

    before_fork(plan)              for the init: PID namespace
    before_exec_fork(init_pid)     for an exec session: the PID namespace
    pid = fork(plan["cgroup"])     in the child (0) then one of
    run_container(plan, report, stdio)
    run_exec(load_plan, report, stdio, init_pid)

Each of the last two sends READY and executes, the init once it is told GO; the end of file of `report`, which is
close-on-exec, then says that the program runs. Whatever goes wrong is FAILED with a sentence.
"""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from ck.kernel.linux.process import fork_into_cgroup
from ck.plugins.builtin.runtime_native.child import wire
from ck.plugins.builtin.runtime_native.child.plan import CgroupPlan, ExecPlan, Plan, ProcessPlan, UserPlan
from ck.plugins.builtin.runtime_native.child.steps import (
    cgroup,
    credentials,
    descriptors,
    devices,
    identity,
    kernel_state,
    mounts,
    namespaces,
    program,
    protection,
    reaper,
    root,
    terminal,
    working_directory,
)
from ck.plugins.builtin.runtime_native.child.steps.failure import StepFailed, doing

Stdio = tuple[int, int, int] | None
"""The fds that become 0, 1 and 2; None where the plan has a terminal."""

Pty = tuple[int, int] | None
"""Master and slave."""


def before_fork(plan: Plan) -> None:
    """Let the caller's children be in the container's PID namespace. Call once. Raises: StepFailed."""
    namespaces.enter_pid(plan["pid"])


def before_exec_fork(init_pid: int) -> None:
    """Let the caller's children be in the PID namespace of *init_pid*, which is not reaped. Raises: StepFailed."""
    namespaces.take_over(init_pid, ("pid",))


def fork(into: CgroupPlan, *, sibling: bool = False) -> int:
    """Fork into the container's control group *into*; as os.fork, but about 10 ms faster than moving the child later.

    With *sibling* the child is that of the caller's parent. Raises: StepFailed.
    """
    with doing("fork into the control group"):
        group = os.open(cgroup.group_of(into).unified, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return fork_into_cgroup(group, sibling=sibling)
        finally:
            os.close(group)


def run_container(plan: Plan, report: socket.socket, stdio: Stdio) -> NoReturn:
    """Be the init of the container; call in the forked child."""
    _report_failure(report, lambda: _run_container(plan, report, stdio))


def run_exec(load: Callable[[], ExecPlan], report: socket.socket, stdio: Stdio, init_pid: int) -> NoReturn:
    """Be a further process in the container whose init is *init_pid*, which the caller has not reaped."""
    _report_failure(report, lambda: _run_exec(load(), report, stdio, init_pid))


def _run_container(plan: Plan, report: socket.socket, stdio: Stdio) -> None:
    process = plan["process"]
    _leave_shim(report, stdio)
    cgroup.enter(plan["cgroup"])
    credentials.set_oom_score(process["oom_score_adj"])
    namespaces.enter(plan["namespaces"])
    users = namespaces.open_users(plan["user"])
    kernel_state.set_names(plan["hostname"], plan["domainname"])
    sysctls = kernel_state.open_sysctls()
    top = root.make(plan)
    mounts.make(top, plan["mounts"])
    if plan["make_dev"]:
        devices.make(top, plan["devices"])
    pty = terminal.open_pty(top, process["terminal"]) if process["terminal"] else None
    if pty:
        terminal.bind_console(top, pty[1])
    mounts.finish(top, plan["mounts"])
    protection.make_read_only(top, plan["readonly_paths"])
    protection.mask(top, plan["masked_paths"])
    root.enter(top, plan)
    os.close(top)
    path, env, who = _settle_in(plan["container_id"], process, plan["user"], stdio, pty)
    _tell_ready(report, pty)
    if wire.recv(report) is None:
        os._exit(1)  # the shim is gone, so nobody is left to run for
    kernel_state.set_sysctls(sysctls, plan["sysctls"])
    _become_program(process, path, env, who, users)


def _run_exec(plan: ExecPlan, report: socket.socket, stdio: Stdio, init_pid: int) -> None:
    process = plan["process"]
    _leave_shim(report, stdio)
    cgroup.enter(plan["cgroup"])
    credentials.set_oom_score(process["oom_score_adj"])
    users = namespaces.open_users_of(init_pid, plan["user"])
    namespaces.take_over(init_pid, plan["namespaces"])
    pty = None
    if process["terminal"]:
        top = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        pty = terminal.open_pty(top, process["terminal"])
        os.close(top)
    path, env, who = _settle_in(plan["container_id"], process, plan["user"], stdio, pty)
    _tell_ready(report, pty)
    _become_program(process, path, env, who, users)


def _leave_shim(report: socket.socket, stdio: Stdio) -> None:
    """Keep nothing of the shim's."""
    descriptors.close_all_but((report.fileno(), *(stdio or ())))
    descriptors.reset_signals()
    with doing("begin a session"):
        os.setsid()
    os.umask(0o022)
    if stdio is not None:
        descriptors.set_standard(stdio)


def _settle_in(
    container_id: str, plan: ProcessPlan, user: UserPlan | None, stdio: Stdio, pty: Pty
) -> tuple[str, dict[str, str], identity.Identity]:
    """Take the streams and the place of the program, inside the container's root; return its path, its environment and
    who it runs as, in the container's numbers."""
    fallback = identity.Identity(plan["uid"], plan["gid"], tuple(plan["additional_gids"]), "")
    who = identity.resolve(
        plan["user"], plan["groups"], fallback, identity.read_lines("/etc/passwd"), identity.read_lines("/etc/group")
    )
    env = dict(entry.split("=", 1) for entry in plan["env"])
    env["HOME"] = env.get("HOME") or who.home or "/"
    if pty:
        terminal.take(pty[1])
    uid, gid = (who.uid, who.gid) if user is None else (user["uid"] + who.uid, user["gid"] + who.gid)
    descriptors.adopt_standard(uid)
    working_directory.change(plan["cwd"], uid, gid, make=plan["make_cwd"])
    path = program.find(plan["argv"][0], env.get("PATH", ""), program.probe)
    program.check_inside(path)
    credentials.renew_keyring(container_id)
    return path, env, who


def _become_program(
    plan: ProcessPlan, path: str, env: dict[str, str], who: identity.Identity, users: int | None
) -> None:
    """The end. *users* is an fd of the user namespace, None for the host's."""
    if plan["umask"] >= 0:
        os.umask(plan["umask"])
    credentials.become(plan, who, users)
    if plan["init"]:
        child = reaper.fork_program(plan["argv"], terminal=plan["terminal"] is not None)
        if child:
            # Among them `report`, whose end of file tells that the program is executed.
            descriptors.close_all_but(())
            reaper.reap(child)
    descriptors.seal()
    program.execute(path, plan["argv"], env)


def _tell_ready(report: socket.socket, pty: Pty) -> None:
    master = pty[0] if pty else None
    wire.ChildToShim(report).ready(master)
    if master is not None:
        os.close(master)


def _report_failure(report: socket.socket, run: Callable[[], None]) -> NoReturn:
    try:
        run()
    except StepFailed as exc:
        _send_failed(report, _step_of(exc), exc.errno, exc.message, exc.exit_code)
    except BaseException as exc:
        # Nothing may unwind into the shim's own code.
        _send_failed(report, _step_of(exc), getattr(exc, "errno", None) or 0, f"container init failed: {exc!r}", 125)
    os._exit(1)


def _send_failed(report: socket.socket, step: str, errno: int, message: str, exit_code: int) -> None:
    with suppress(OSError):  # the shim is gone: nobody is left to tell
        wire.ChildToShim(report).failed(step, errno, message, exit_code)


def _step_of(exc: BaseException) -> str:
    """The file of steps/ that *exc* came out of."""
    step, trace = "init", exc.__traceback__
    while trace is not None:
        package, _, module = trace.tb_frame.f_globals["__name__"].rpartition(".")
        if package.endswith(".steps") and module != "failure":
            step = module
        trace = trace.tb_next
    return step
