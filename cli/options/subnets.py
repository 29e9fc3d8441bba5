"""`--subnet`, `--ip-range`, `--gateway` and `--aux-address`: which belong together. Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from ipaddress import IPv4Network, IPv6Network
    from typing import Any


def subnet_configs(
    subnets: Sequence[str], ranges: Sequence[str], gateways: Sequence[str], aux: Sequence[str]
) -> list[dict[str, Any]]:
    """The API's `IPAM.Config`: each value goes to the subnet that it lies in. Raises: ValueError."""
    from ipaddress import ip_network

    configs: dict[str, dict[str, Any]] = {}
    prefixes: dict[str, IPv4Network | IPv6Network] = {}
    for text in subnets:
        prefixes[text] = _parse(ip_network, text, "subnet")
        configs[text] = {"Subnet": text}
    for option, values in (("ip-range", ranges), ("gateway", gateways)):
        for text in values:
            config = configs[_subnet_of(text, prefixes, option)]
            key = "IPRange" if option == "ip-range" else "Gateway"
            if key in config:
                raise ValueError(f"subnet {config['Subnet']} has two values of --{option}: {config[key]} and {text}")
            config[key] = text
    for pair in aux:
        name, equals, address = pair.partition("=")
        if not name or not equals:
            raise ValueError(f"invalid --aux-address {pair!r}: expected NAME=ADDRESS")
        config = configs[_subnet_of(address, prefixes, "aux-address")]
        config.setdefault("AuxiliaryAddresses", {})[name] = address
    return list(configs.values())


def _subnet_of(text: str, prefixes: dict[str, IPv4Network | IPv6Network], option: str) -> str:
    from ipaddress import ip_network

    wanted = _parse(ip_network, text, option)
    for subnet, prefix in prefixes.items():
        if wanted.version == prefix.version and wanted.subnet_of(prefix):  # type: ignore[arg-type]  # same version
            return subnet
    raise ValueError(f"--{option} {text} lies in no --subnet: every one needs a subnet that it is of")


def _parse(parse: Callable[..., IPv4Network | IPv6Network], text: str, option: str) -> IPv4Network | IPv6Network:
    try:
        return parse(text, strict=False)
    except ValueError:
        raise ValueError(
            f"invalid --{option} {text!r}: expected an address or a prefix such as 172.28.0.0/16"
        ) from None
