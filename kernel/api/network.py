"""Networks as users ask for them and as the engine keeps them."""

from collections.abc import Mapping
from datetime import datetime

import attrs

from ck.kernel.drivers.network import NetworkConfig


@attrs.frozen(kw_only=True)
class SubnetRequest:
    """What a user says of a subnet (Docker: IPAMConfig); "" leaves the choice to the engine."""

    prefix: str = ""
    ip_range: str = ""
    gateway: str = ""
    reserved: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class NetworkSpec:
    """A request to create a network. `enable_ipv6` None: where the driver and the host can."""

    name: str
    driver: str = ""
    options: Mapping[str, str] = attrs.field(factory=dict)
    labels: Mapping[str, str] = attrs.field(factory=dict)
    internal: bool = False
    attachable: bool = False
    enable_ipv6: bool | None = None
    subnets: tuple[SubnetRequest, ...] = ()


@attrs.frozen(kw_only=True)
class Network:
    """A network and the containers on it that run (container ID to name)."""

    config: NetworkConfig
    created: datetime
    containers: Mapping[str, str] = attrs.field(factory=dict)
