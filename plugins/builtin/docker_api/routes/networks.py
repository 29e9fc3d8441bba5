"""Networks: list, inspect."""

from typing import Final

from ck.kernel.errors import NotFound
from ck.plugins.builtin.docker_api._shapes.network import network_json, network_test
from ck.plugins.builtin.docker_api.exchange import Reply, Request, json_reply
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


ROUTES: Final = (
    Route("GET", "/networks", list_networks),
    Route("GET", "/networks/{id}", inspect),
)
