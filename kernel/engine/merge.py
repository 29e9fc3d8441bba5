"""A request merged with its image, as Docker does it. Pure."""

from collections.abc import Sequence

import attrs

from ck.kernel.api.container import ContainerConfig, HealthcheckConfig
from ck.kernel.errors import InvalidArgument


def merge_config(request: ContainerConfig, image: ContainerConfig) -> ContainerConfig:
    """What the container is made with.

    An entrypoint in the request drops the image's command, and [""] drops its entrypoint.
    """
    entrypoint, cmd = request.entrypoint, request.cmd
    if not entrypoint:
        entrypoint = image.entrypoint if entrypoint is None else None
        if cmd is None:
            cmd = image.cmd
    elif entrypoint == ("",):
        entrypoint = None
    return attrs.evolve(
        request,
        user=request.user or image.user,
        exposed_ports=tuple(dict.fromkeys((*image.exposed_ports, *request.exposed_ports))),
        env=merge_env(image.env, request.env),
        entrypoint=entrypoint,
        cmd=cmd,
        working_dir=request.working_dir or image.working_dir,
        volumes=tuple(dict.fromkeys((*image.volumes, *request.volumes))),
        labels={**image.labels, **request.labels},
        stop_signal=request.stop_signal or image.stop_signal,
        stop_timeout=request.stop_timeout if request.stop_timeout is not None else image.stop_timeout,
        healthcheck=_merge_healthcheck(request.healthcheck, image.healthcheck),
        shell=request.shell or image.shell,
        on_build=image.on_build,
    )


def command_line(config: ContainerConfig) -> tuple[str, ...]:
    """Program and arguments. Raises: InvalidArgument if neither the request nor the image has any."""
    line = (*(config.entrypoint or ()), *(config.cmd or ()))
    if not line:
        raise InvalidArgument(f"no command specified: image {config.image} has none, so the request must")
    if not line[0]:
        raise InvalidArgument("the command is an empty string")
    if any("\0" in argument for argument in line):
        raise InvalidArgument("an argument of the command holds a NUL byte")
    return line


def merge_env(lower: Sequence[str], upper: Sequence[str]) -> tuple[str, ...]:
    """`NAME=value` entries, later ones winning in the place of earlier ones.

    A bare `NAME` in *upper* drops the variable.
    """
    merged: dict[str, str] = {}
    for entry in (*lower, *upper):
        name, assigns, _ = entry.partition("=")
        if not name or "\0" in entry:
            raise InvalidArgument(f"invalid environment variable {entry!r}")
        if assigns:
            merged[name] = entry
        else:
            merged.pop(name, None)
    return tuple(merged.values())


def _merge_healthcheck(request: HealthcheckConfig | None, image: HealthcheckConfig | None) -> HealthcheckConfig | None:
    if request is None or image is None:
        return request or image
    inherited = {
        field.name: getattr(request, field.name) or getattr(image, field.name)
        for field in attrs.fields(HealthcheckConfig)
    }
    return HealthcheckConfig(**inherited)
