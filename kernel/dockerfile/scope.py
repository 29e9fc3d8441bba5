"""Build arguments: those that are there unasked, and those of the ARGs before the first FROM.

Source: reference.md, "ARG": "Scope", "Predefined ARGs", "Automatic platform ARGs in the global scope".
"""

from collections.abc import Mapping
from typing import Final

from ck.kernel.dockerfile.errors import on_line
from ck.kernel.dockerfile.instructions import Arg
from ck.kernel.dockerfile.parse import Dockerfile
from ck.kernel.dockerfile.words import expand

PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")


def global_args(
    dockerfile: Dockerfile,
    *,
    build_args: Mapping[str, str],
    target_platform: str,
    build_platform: str,
    target: str = "",
) -> dict[str, str]:
    """The variables that FROM may use, and that a stage gets by an ARG that only names them.

    Platforms are as in "linux/arm/v7". *build_args* overrides all. Raises: DockerfileError.
    """
    stage = target or dockerfile.stages[-1].base.name or "default"
    found = {**_platform("BUILD", build_platform), **_platform("TARGET", target_platform), "TARGETSTAGE": stage}
    found |= {name: build_args[name] for name in found if name in build_args}
    for arg in dockerfile.global_args:
        with on_line(arg.line):
            for name, default in arg.args:
                if name in build_args:
                    found[name] = build_args[name]
                elif default is not None:
                    found[name] = expand(default, found, escape=dockerfile.directives.escape)
    return found


def proxy_variables(build_args: Mapping[str, str]) -> dict[str, str]:
    """What every RUN sees of proxies given as build arguments, without any ARG; programs disagree about their case."""
    given = {name.upper(): value for name, value in build_args.items() if name.upper() in PROXIES}
    return given | {name.lower(): value for name, value in given.items()}


def unused_build_args(dockerfile: Dockerfile, build_args: Mapping[str, str]) -> tuple[str, ...]:
    """The names of *build_args* that nothing asks for, for a warning: no ARG names them and they mean nothing else."""
    instructions = [*dockerfile.global_args, *(item for stage in dockerfile.stages for item in stage.instructions)]
    declared = {name for item in instructions if isinstance(item, Arg) for name, _ in item.args}
    declared |= {*_platform("BUILD", ""), *_platform("TARGET", ""), "TARGETSTAGE", "SOURCE_DATE_EPOCH"}
    return tuple(
        name
        for name in build_args
        if name not in declared and name.upper() not in PROXIES and not name.startswith("BUILDKIT_")
    )


def _platform(prefix: str, platform: str) -> dict[str, str]:
    system, _, rest = platform.partition("/")
    architecture, _, variant = rest.partition("/")
    return {
        f"{prefix}PLATFORM": platform,
        f"{prefix}OS": system,
        f"{prefix}OSVERSION": "",
        f"{prefix}ARCH": architecture,
        f"{prefix}VARIANT": variant,
    }
