"""Checking a user name and password against a registry (distribution spec, "Determining Support": GET /v2/)."""

from ck.kernel.drivers.registry import Credentials
from ck.kernel.errors import Unavailable
from ck.plugins.builtin.registry_distribution._options import Endpoint, RegistryOptions
from ck.plugins.builtin.registry_distribution.connection import Call, connect


async def check_login(endpoint: Endpoint, options: RegistryOptions, credentials: Credentials) -> None:
    """Return if *endpoint* lets *credentials* in. Raises: Unauthorized, Unavailable."""

    async def find() -> Credentials:
        return credentials

    no_registry = Unavailable(f"{endpoint.host} is no registry: it has no /v2/")
    async with (
        connect(endpoint, options, find) as connection,
        connection.request(Call(url="/v2/", image=endpoint.host, scope="", missing=no_registry)),
    ):
        return
