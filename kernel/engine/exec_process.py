"""The process of an exec session, from the container's record and what is asked for."""

from typing import Any

import attrs

from ck.kernel.api.container import Container, ExecSpec
from ck.kernel.engine.capabilities import choose
from ck.kernel.engine.context import Context
from ck.kernel.engine.etc_network import environment
from ck.kernel.engine.merge import merge_env
from ck.kernel.engine.security import parse_security_options
from ck.kernel.engine.spec import build_process


def exec_process(ctx: Context, container: Container, spec: ExecSpec) -> dict[str, Any]:
    """The `process` object of the OCI spec. Raises: InvalidArgument for a malformed environment variable."""
    host = container.host_config
    privileged = host.privileged or spec.privileged
    security = parse_security_options(host.security_opt, privileged=privileged)
    capabilities = choose(host.cap_add, host.cap_drop, privileged=privileged, host=ctx.capabilities)
    config = attrs.evolve(
        container.config,
        tty=spec.tty,
        env=merge_env(environment(ctx, container), spec.env),
        working_dir=spec.working_dir or container.config.working_dir,
    )
    return {**build_process(config, capabilities, security, container), "args": list(spec.cmd)}
