"""Networks: list, create, inspect, connect, disconnect, remove, prune."""

from collections.abc import Mapping
from typing import Any, Final

from ck.kernel.errors import InvalidArgument, NotFound
from ck.plugins.builtin.docker_api._shapes.endpoints import load_endpoint_request
from ck.plugins.builtin.docker_api._shapes.network import load_network, network_json, network_test
from ck.plugins.builtin.docker_api.exchange import NO_CONTENT, Reply, Request, json_reply
from ck.plugins.builtin.docker_api.router import Route


async def list_networks(request: Request) -> Reply:
    test = network_test(request.filters())
    return json_reply([network_json(network) for network in await request.engine.networks.list() if test(network)])


async def inspect(request: Request) -> Reply:
    network = await request.engine.networks.get(request.id)
    endpoints = {}
    for container_id in network.containers:
        try:
            container = await request.engine.containers.get(container_id)
        except NotFound:  # removed since
            continue
        if got := container.endpoints.get(network.config.name):
            endpoints[container_id] = got
    return json_reply(network_json(network, endpoints))


async def create(request: Request) -> Reply:
    network = await request.engine.networks.create(load_network(request.json()))
    return json_reply({"Id": network.config.id, "Warning": ""}, 201)


async def connect(request: Request) -> Reply:
    wanted = request.json()
    await request.engine.networks.connect(
        request.id, _container(wanted), load_endpoint_request(wanted.get("EndpointConfig"), "EndpointConfig")
    )
    return Reply()


async def disconnect(request: Request) -> Reply:
    wanted = request.json()
    await request.engine.networks.disconnect(request.id, _container(wanted), force=bool(wanted.get("Force")))
    return Reply()


def _container(wanted: Mapping[str, Any]) -> str:
    container = wanted.get("Container")
    if not isinstance(container, str) or not container:
        raise InvalidArgument("Container is missing: say which container")
    return container


async def explain(request: Request) -> Reply:
    """Ours, not Docker's: what becomes of a packet to a published port."""
    return json_reply({"Lines": list(await request.engine.networks.explain(request.query.text("port")))})


async def remove(request: Request) -> Reply:
    await request.engine.networks.remove(request.id)
    return NO_CONTENT


async def prune(request: Request) -> Reply:
    removed = await request.engine.networks.prune(request.filters())
    return json_reply({"NetworksDeleted": list(removed) or None})


ROUTES: Final = (
    Route("GET", "/networks", list_networks),
    Route("POST", "/networks/create", create),
    Route("POST", "/networks/prune", prune),
    Route("GET", "/networks/{id}", inspect),
    Route("GET", "/ports/explain", explain),
    Route("POST", "/networks/{id}/connect", connect),
    Route("POST", "/networks/{id}/disconnect", disconnect),
    Route("DELETE", "/networks/{id}", remove),
)
