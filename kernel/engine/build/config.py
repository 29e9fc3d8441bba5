"""What the instructions that make no layer do to an image's config (reference.md). Pure."""

import posixpath
from collections.abc import Sequence

import attrs

from ck.kernel.api.container import ContainerConfig, HealthcheckConfig
from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.evaluator import Evaluator
from ck.kernel.dockerfile.instructions import (
    Cmd,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Instruction,
    Label,
    OnBuild,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from ck.kernel.dockerfile.parse import parse
from ck.kernel.engine.merge import merge_env
from ck.kernel.engine.signals import signal_number

DEFAULT_SHELL = ("/bin/sh", "-c")
_CHANGES = (Cmd, Entrypoint, Env, Expose, Healthcheck, Label, OnBuild, StopSignal, User, Volume, Workdir)


def configure(config: ContainerConfig, instruction: Instruction, *, own_command: bool) -> ContainerConfig:
    """*config* after *instruction*, whose variables are expanded; as it was for one that is about files or ARGs.
    *own_command* says that a CMD went before it, in the same stage.

    Raises: InvalidArgument for a signal that is none.
    """
    match instruction:
        case Env(pairs=pairs):
            return attrs.evolve(config, env=merge_env(config.env, [f"{name}={value}" for name, value in pairs]))
        case Label(pairs=pairs):
            return attrs.evolve(config, labels={**config.labels, **dict(pairs)})
        case Cmd():
            return attrs.evolve(config, cmd=command_of(config, instruction.args, shell=instruction.shell))
        case Entrypoint():
            line = command_of(config, instruction.args, shell=instruction.shell)
            # A CMD of the base image was arguments for the base's entrypoint.
            return attrs.evolve(config, entrypoint=line, cmd=config.cmd if own_command else None)
        case Workdir(path=path):
            return attrs.evolve(config, working_dir=working_dir(config, path))
        case User(user=user):
            return attrs.evolve(config, user=user)
        case Expose(ports=ports):
            return attrs.evolve(config, exposed_ports=tuple(dict.fromkeys((*config.exposed_ports, *ports))))
        case Volume(paths=paths):
            return attrs.evolve(config, volumes=tuple(dict.fromkeys((*config.volumes, *paths))))
        case StopSignal(signal=signal):
            signal_number(signal)
            return attrs.evolve(config, stop_signal=signal)
        case Shell(args=args):
            return attrs.evolve(config, shell=args)
        case OnBuild(expression=expression):
            return attrs.evolve(config, on_build=(*config.on_build, expression))
        case Healthcheck():
            return attrs.evolve(config, healthcheck=_healthcheck(instruction))
        case _:
            return config


def change(config: ContainerConfig, changes: Sequence[str]) -> ContainerConfig:
    """*config* after instructions as `commit` and `import` take them (`-c`).

    Raises: DockerfileError, InvalidArgument for a signal that is none.
    """
    environment = dict(entry.split("=", 1) for entry in config.env if "=" in entry)
    evaluator = Evaluator(env=environment, global_args={}, build_args={})
    own_command = False
    for text in changes:
        try:
            stages = parse(f"FROM scratch\n{text}").stages
            for instruction in (*stages[0].instructions, *(stage.base for stage in stages[1:])):
                if not isinstance(instruction, _CHANGES):
                    raise DockerfileError(f"{instruction.keyword} is not a valid change command")
                config = configure(config, evaluator.evaluate(instruction), own_command=own_command)
                own_command = own_command or isinstance(instruction, Cmd)
        except DockerfileError as error:
            raise DockerfileError(error.reason) from error  # its line counts the one that was put before
    return config


def command_of(config: ContainerConfig, args: Sequence[str], *, shell: bool) -> tuple[str, ...] | None:
    """The command of an instruction in either form; None for one that says nothing."""
    if not args:
        return None
    return (*(config.shell or DEFAULT_SHELL), *args) if shell else tuple(args)


def working_dir(config: ContainerConfig, path: str) -> str:
    """*path*, relative to the working directory so far, made absolute; a slash at its end is gone."""
    joined = posixpath.normpath(posixpath.join("/", config.working_dir, path))
    return "/" + joined.lstrip("/")


def _healthcheck(instruction: Healthcheck) -> HealthcheckConfig:
    return HealthcheckConfig(
        test=instruction.test,
        interval=instruction.interval,
        timeout=instruction.timeout,
        start_period=instruction.start_period,
        start_interval=instruction.start_interval,
        retries=instruction.retries,
    )
