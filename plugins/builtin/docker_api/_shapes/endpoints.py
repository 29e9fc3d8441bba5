"""How a container takes part in networks: requests, and what it got. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from ck.kernel.api.container import Container, EndpointRequest
from ck.kernel.drivers.network import Endpoint
from ck.kernel.lifecycle import ACTIVE
from ck.plugins.builtin.docker_api._shapes.codec import (
    NUMBER,
    TEXT,
    TEXT_MAP,
    WORDS_OR_NULL,
    Field,
    Json,
    Table,
    expect_object,
)

_ENDPOINT: Final = Table(
    Field("Links", "links", WORDS_OR_NULL),
    Field("Aliases", "aliases", WORDS_OR_NULL),
    Field("MacAddress", "mac_address", TEXT),
    Field("DriverOpts", "driver_options", TEXT_MAP),
    Field("GwPriority", "gateway_priority", NUMBER),
    # What a container got, not what it asks for; clients send back what they read.
    ignored=(
        "NetworkID",
        "EndpointID",
        "Gateway",
        "IPAddress",
        "IPPrefixLen",
        "IPv6Gateway",
        "GlobalIPv6Address",
        "GlobalIPv6PrefixLen",
        "DNSNames",
    ),
)
_IPAM: Final = Table(Field("IPv4Address", "ipv4_address", TEXT), Field("IPv6Address", "ipv6_address", TEXT))
_NOTHING: Final = EndpointRequest()


def load_endpoint_request(settings: object, place: str) -> EndpointRequest:
    """One `EndpointSettings`. Raises: InvalidArgument."""
    fields = expect_object(settings if settings is not None else {}, place)
    ipam = expect_object(fields.get("IPAMConfig") or {}, f"{place}.IPAMConfig")
    rest = {key: value for key, value in fields.items() if key != "IPAMConfig"}
    return EndpointRequest(**_ENDPOINT.load(rest, f"{place}."), **_IPAM.load(ipam, f"{place}.IPAMConfig."))


def load_endpoint_requests(json: Mapping[str, Any], where: str) -> dict[str, EndpointRequest]:
    """`EndpointsConfig`, by network name. Raises: InvalidArgument."""
    requests = {}
    for name, settings in json.items():
        request = load_endpoint_request(settings, f"{where}{name}")
        # The docker client names "default" in every request; it means whichever network HostConfig.NetworkMode is.
        if name != "default" or request != _NOTHING:
            requests[name] = request
    return requests


def endpoint_json(request: EndpointRequest, got: Endpoint | None) -> Json:
    """One entry of `NetworkSettings.Networks`."""
    ipam = {key: value for key, value in _IPAM.dump(request).items() if value}
    json = _ENDPOINT.dump(request) | {"IPAMConfig": ipam or None, "DriverOpts": dict(request.driver_options) or None}
    if got is None:
        got = Endpoint(network_id="")
    return json | {
        "MacAddress": got.mac_address or request.mac_address,
        "NetworkID": got.network_id,
        "EndpointID": got.endpoint_id,
        "Gateway": got.ipv4_gateway,
        "IPAddress": got.ipv4_address,
        "IPPrefixLen": got.ipv4_prefix,
        "IPv6Gateway": got.ipv6_gateway,
        "GlobalIPv6Address": got.ipv6_address,
        "GlobalIPv6PrefixLen": got.ipv6_prefix,
        "DNSNames": list(request.aliases) or None,
    }


def network_names(container: Container) -> list[str]:
    """The networks that a container is on, or asks for when it does not run."""
    return list(dict.fromkeys([*container.networks, *container.endpoints]))


def networks_json(container: Container) -> Json:
    """`NetworkSettings.Networks`."""
    return {
        name: endpoint_json(container.networks.get(name, _NOTHING), container.endpoints.get(name))
        for name in network_names(container)
    }


def _ports_json(container: Container) -> Json:
    """What leads to each port, null for one that is only exposed."""
    bindings: dict[str, list[Json] | None] = dict.fromkeys(container.config.exposed_ports)
    for port in container.ports:
        binding = {"HostIp": port.host_ip, "HostPort": str(port.host_port)}
        key = f"{port.container_port}/{port.protocol}"
        bindings[key] = [*(bindings.get(key) or ()), binding]
    return bindings


def network_settings_json(container: Container) -> Json:
    """`NetworkSettings` of an inspect. The fields beside Networks are those of the first network with an address."""
    got = next((end for end in container.endpoints.values() if end.ipv4_address), Endpoint(network_id=""))
    running = container.state.status in ACTIVE
    return {
        "Bridge": "",
        "SandboxID": "",
        "SandboxKey": f"/proc/{container.state.pid}/ns/net" if container.state.pid else "",
        "Ports": _ports_json(container) if running else {},
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        "EndpointID": got.endpoint_id,
        "Gateway": got.ipv4_gateway,
        "GlobalIPv6Address": got.ipv6_address,
        "GlobalIPv6PrefixLen": got.ipv6_prefix,
        "IPAddress": got.ipv4_address,
        "IPPrefixLen": got.ipv4_prefix,
        "IPv6Gateway": got.ipv6_gateway,
        "MacAddress": got.mac_address,
        "Networks": networks_json(container),
    }
