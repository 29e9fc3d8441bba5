"""`--link NAME[:ALIAS]`: Docker's first way for containers to find each other. Pure."""

from collections.abc import Mapping, Sequence

from ck.kernel.api.container import Container
from ck.kernel.engine.port_requests import parse_exposed
from ck.kernel.errors import InvalidArgument


def parse_link(text: str) -> tuple[str, str]:
    """Container and alias. Raises: InvalidArgument."""
    ref, colon, alias = text.partition(":")
    # As inspect shows it, and as clients send it back: "/db:/web/db".
    ref, alias = ref.removeprefix("/"), alias.rpartition("/")[2]
    if not ref or (colon and not alias):
        raise InvalidArgument(f"invalid --link {text!r}: expected CONTAINER or CONTAINER:ALIAS")
    return ref, alias or ref


def link_environment(container_name: str, alias: str, target: Container, address: str) -> Sequence[str]:
    """The variables that a link gives on the default network (Docker: "Legacy container links")."""
    prefix = alias.upper().replace("-", "_")
    variables = [f"{prefix}_NAME=/{container_name}/{alias}"]
    ports = sorted(_ports(target).items())
    if ports:
        (number, protocol), _ = ports[0]
        variables.append(f"{prefix}_PORT={protocol}://{address}:{number}")
    for (number, protocol), _ in ports:
        base = f"{prefix}_PORT_{number}_{protocol.upper()}"
        variables += [
            f"{base}={protocol}://{address}:{number}",
            f"{base}_ADDR={address}",
            f"{base}_PORT={number}",
            f"{base}_PROTO={protocol}",
        ]
    for entry in target.config.env:
        name, _, value = entry.partition("=")
        if name not in ("HOME", "PATH"):
            variables.append(f"{prefix}_ENV_{name}={value}")
    return variables


def _ports(target: Container) -> Mapping[tuple[int, str], None]:
    exposed = (each for text in target.config.exposed_ports for each in parse_exposed(text))
    return {(number, protocol): None for protocol, number in exposed}
