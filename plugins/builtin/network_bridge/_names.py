"""How the driver's links are called, and what they carry to be known again. Pure."""

import hashlib
import ipaddress
import secrets
from pathlib import Path
from typing import NamedTuple


def engine_tag(state: Path) -> str:
    """What tells the links of this engine from those of others on the host: twelve hex digits."""
    return hashlib.sha256(str(state).encode()).hexdigest()[:12]


def bridge_name(network_id: str) -> str:
    """Beginning with "ck": rules in tables of others know our bridges by that."""
    return f"ck{network_id[:12]}"


def veth_name() -> str:
    """Made up anew each time: a name that was used may still be that of a link whose namespace is dying."""
    return f"ckv{secrets.token_hex(6)}"


class Alias(NamedTuple):
    """The alias of a link (ip link show): whose it is, so that an engine that was killed finds what it made."""

    tag: str
    network_id: str
    container_id: str = ""  # "" for the bridge itself

    def text(self) -> str:
        return " ".join(("ck", *self)).rstrip()


def parse_alias(text: str) -> Alias | None:
    """None where the link is not of any engine."""
    words = text.split(" ")
    if words[0] != "ck" or len(words) not in (3, 4):
        return None
    return Alias(*words[1:])


def mac_address(ipv4_address: str) -> str:
    """Docker's choice: the same for the same address, so that what neighbours have cached stays right."""
    return ":".join(f"{byte:02x}" for byte in (0x02, 0x42, *ipaddress.IPv4Address(ipv4_address).packed))
