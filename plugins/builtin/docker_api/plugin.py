"""The hook of the Docker Engine API front end."""

from collections.abc import Callable, Mapping

from ck.kernel.api.engine import Engine
from ck.kernel.drivers.frontend import FrontEnd
from ck.kernel.hookspecs import Options, hookimpl


def _docker(options: Options, engine: Engine) -> FrontEnd:
    # Here, not above: h11 and the route tables are loaded only in a daemon that serves them.
    from ck.plugins.builtin.docker_api.driver import DockerApi

    return DockerApi(options, engine)


@hookimpl
def ck_register_frontend() -> Mapping[str, Callable[[Options, Engine], FrontEnd]]:
    """Offer the front end "docker"."""
    return {"docker": _docker}
