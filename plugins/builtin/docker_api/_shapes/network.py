"""Networks as the API shows them; which of them `network ls` lists. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from ck.kernel.api.network import Network, NetworkSpec, SubnetRequest
from ck.kernel.drivers.network import Endpoint, Subnet
from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.docker_api._shapes.codec import (
    FLAG,
    MAYBE_FLAG,
    TEXT,
    TEXT_MAP,
    Field,
    Json,
    Table,
    expect_object,
    object_list,
)
from ck.plugins.builtin.docker_api._shapes.filters import (
    Filters,
    check_names,
    flag,
    invalid_value,
    labels_match,
    patterns,
)
from ck.plugins.builtin.docker_api._shapes.times import rfc3339

KNOWN_FILTERS: Final = frozenset({"dangling", "driver", "id", "label", "name", "scope", "type"})
PREDEFINED: Final = frozenset({"bridge", "host", "none"})


_SUBNET: Final = Table(
    Field("Subnet", "prefix", TEXT),
    Field("IPRange", "ip_range", TEXT),
    Field("Gateway", "gateway", TEXT),
    Field("AuxiliaryAddresses", "reserved", TEXT_MAP),
)
_IPAM: Final = Table(
    Field("Driver", "driver", TEXT),
    Field("Config", "subnets", object_list(lambda json, where: SubnetRequest(**_SUBNET.load(json, where)), dict)),
)
_CREATE: Final = Table(
    Field("Name", "name", TEXT),
    Field("Driver", "driver", TEXT),
    Field("Options", "options", TEXT_MAP),
    Field("Labels", "labels", TEXT_MAP),
    Field("Internal", "internal", FLAG),
    Field("Attachable", "attachable", FLAG),
    Field("EnableIPv6", "enable_ipv6", MAYBE_FLAG),
    # A name is given once whether asked for or not; "local" is all the scope that there is.
    ignored=("CheckDuplicate", "Scope", "EnableIPv4"),
)


def load_network(json: Mapping[str, Any]) -> NetworkSpec:
    """The body of a create. Raises: InvalidArgument, naming the field."""
    rest = dict(json)
    if rest.get("EnableIPv4") is False:
        raise InvalidArgument("EnableIPv4 false is not supported by this engine: every network has IPv4")
    ipam = _IPAM.load(expect_object(rest.pop("IPAM", None) or {}, "IPAM"), "IPAM.")
    if ipam.get("driver", "") not in ("", "default"):
        raise InvalidArgument(f"IPAM.Driver {ipam['driver']!r} is not supported by this engine: it has only 'default'")
    # What an old client says where it asks for nothing.
    if (rest.get("ConfigFrom") or {}) == {"Network": ""}:
        del rest["ConfigFrom"]
    wanted = _CREATE.load(rest, "")
    if not wanted.get("name"):
        raise InvalidArgument("Name is missing: a network needs one")
    return NetworkSpec(**wanted, subnets=ipam.get("subnets", ()))


def network_json(network: Network, endpoints: Mapping[str, Endpoint] | None = None) -> Json:
    """*endpoints* by container ID, for an inspect; a list leaves the containers out."""
    config = network.config
    return {
        "Name": config.name,
        "Id": config.id,
        "Created": rfc3339(network.created),
        "Scope": "local",
        "Driver": config.driver,
        "EnableIPv4": True,
        "EnableIPv6": config.enable_ipv6,
        "IPAM": {"Driver": "default", "Options": None, "Config": [_subnet_json(each) for each in config.subnets]},
        "Internal": config.internal,
        "Attachable": config.attachable,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {
            container_id: _member_json(name, (endpoints or {}).get(container_id))
            for container_id, name in (network.containers.items() if endpoints is not None else ())
        },
        "Options": dict(config.options),
        "Labels": dict(config.labels),
    }


def _subnet_json(subnet: Subnet) -> Json:
    return {key: value for key, value in _SUBNET.dump(subnet).items() if value}


def _member_json(name: str, endpoint: Endpoint | None) -> Json:
    got = endpoint or Endpoint(network_id="")
    return {
        "Name": name,
        "EndpointID": got.endpoint_id,
        "MacAddress": got.mac_address,
        "IPv4Address": f"{got.ipv4_address}/{got.ipv4_prefix}" if got.ipv4_address else "",
        "IPv6Address": f"{got.ipv6_address}/{got.ipv6_prefix}" if got.ipv6_address else "",
    }


def network_test(filters: Filters) -> Callable[[Network], bool]:
    """A test whether `network ls` lists a network. Raises: InvalidArgument for an unknown filter or value."""
    check_names(filters, KNOWN_FILTERS)
    for value in filters.get("type", ()):
        if value not in ("builtin", "custom"):
            raise invalid_value("type", value)
    dangling, name_matches, id_matches = flag(filters, "dangling"), patterns(filters, "name"), patterns(filters, "id")
    get = filters.get

    def test(network: Network) -> bool:
        config = network.config
        kind = "builtin" if config.name in PREDEFINED else "custom"
        unused = kind == "custom" and not network.containers
        return (
            (dangling is None or unused is dangling)
            and (not get("driver") or config.driver in filters["driver"])
            and (not get("scope") or "local" in filters["scope"])
            and (not get("type") or kind in filters["type"])
            and labels_match(get("label", ()), config.labels)
            and name_matches(config.name)
            and id_matches(config.id)
        )

    return test
