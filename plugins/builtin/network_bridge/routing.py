"""A netlink socket for links, addresses and routes, and the messages for it, encoded by pyroute2.

pyroute2's own sockets are not used: its calls cost five times as much, and its namespaces fork. Everything blocks.
"""

import errno
import os
import socket
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Final

from ck.kernel.linux.netlink import ACK, CREATE, DONE, DUMP, ERROR, EXCL, HEADER, REPLACE, REQUEST, error_code, split

_RTM_NEWLINK, _RTM_DELLINK, _RTM_GETLINK, _RTM_NEWADDR, _RTM_NEWROUTE = 16, 17, 18, 20, 24
_NETLINK_ROUTE: Final = 0
_IFF_UP: Final = 1
_IFA_F_NODAD: Final = 0x02
_TABLE_MAIN, _PROTO_BOOT, _SCOPE_UNIVERSE, _UNICAST = 254, 3, 0, 1

Message = Any  # one of pyroute2's nlmsg classes, which have no types


class RouteSocket:
    """In the network namespace of the thread that makes it. Raises from every method: OSError."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_ROUTE)
        self._socket.bind((0, 0))

    def __enter__(self) -> "RouteSocket":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, messages: Sequence[Message]) -> None:
        """Have all *messages* done, in order, by one system call; the kernel goes on after one that fails.

        Raises: the error of the first that failed.
        """
        request = bytearray()
        for number, message in enumerate(messages, 1):
            if number == len(messages):
                message["header"]["flags"] |= ACK  # one answer tells that all are done
            message["header"]["sequence_number"] = number
            message.encode()
            request += message.data
        self._socket.send(request)
        for kind, sequence, body in self._answers():
            if kind == ERROR:
                if code := error_code(body):
                    raise OSError(code, os.strerror(code))
                if sequence == len(messages):
                    return

    def links(self) -> Iterator[Message]:
        """Every link of the namespace."""
        question = _new("ifinfmsg", _RTM_GETLINK, DUMP)
        question["header"]["sequence_number"] = 1
        question.encode()
        self._socket.send(question.data)
        for kind, _, body in self._answers():
            if kind == DONE:
                return
            message = _class("ifinfmsg")(HEADER.pack(HEADER.size + len(body), kind, 0, 1, 0) + body)
            message.decode()
            yield message

    def _answers(self) -> Iterator[tuple[int, int, bytes]]:
        while True:
            yield from split(self._socket.recv(1 << 16))


def add_bridge(name: str, mac: str, mtu: int) -> Message:
    return _link(
        _RTM_NEWLINK,
        CREATE | EXCL,
        ("IFLA_IFNAME", name),
        ("IFLA_MTU", mtu),
        # A bridge without an address of its own takes that of its lowest port, and changes it with them.
        ("IFLA_ADDRESS", mac),
        ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "bridge")]}),
    )


def add_veth(name: str, bridge: int, peer: str, mac: str, mtu: int, netns: int) -> Message:
    """A pair: one end up in the bridge with index *bridge*, the other in the namespace *netns*, where nobody moves it
    to."""
    inner = [
        ("IFLA_IFNAME", peer),
        ("IFLA_ADDRESS", mac),
        ("IFLA_MTU", mtu),
        ("IFLA_NET_NS_FD", netns),
    ]
    data = {"attrs": [("VETH_INFO_PEER", {"attrs": inner})]}
    message = _link(
        _RTM_NEWLINK,
        CREATE | EXCL,
        ("IFLA_IFNAME", name),
        ("IFLA_MTU", mtu),
        ("IFLA_MASTER", bridge),
        ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", data)]}),
    )
    message["flags"] = message["change"] = _IFF_UP
    return message


def add_pair(name: str, peer: str, netns: int) -> Message:
    """A pair of links of which one end is in the namespace *netns*."""
    inner = [("IFLA_IFNAME", peer), ("IFLA_NET_NS_FD", netns)]
    data = {"attrs": [("VETH_INFO_PEER", {"attrs": inner})]}
    info = {"attrs": [("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", data)]}
    return _link(_RTM_NEWLINK, CREATE | EXCL, ("IFLA_IFNAME", name), ("IFLA_LINKINFO", info))


def set_alias(name: str, alias: str) -> Message:
    message = _link(_RTM_NEWLINK, 0, ("IFLA_IFNAME", name), ("IFLA_IFALIAS", alias))
    message["flags"] = message["change"] = _IFF_UP
    return message


def set_port(name: str, alias: str, *, isolated: bool) -> Message:
    """An end in a bridge: hairpin, so that a container reaches itself by its published port; *isolated* ports do not
    reach one another."""
    slave = [("IFLA_BRPORT_MODE", 1)] + ([("IFLA_BRPORT_ISOLATED", 1)] if isolated else [])
    info = [("IFLA_INFO_SLAVE_KIND", "bridge"), ("IFLA_INFO_SLAVE_DATA", {"attrs": slave})]
    return _link(_RTM_NEWLINK, 0, ("IFLA_IFNAME", name), ("IFLA_IFALIAS", alias), ("IFLA_LINKINFO", {"attrs": info}))


def set_up(index: int) -> Message:
    message = _link(_RTM_NEWLINK, 0)
    message["index"] = index
    message["flags"] = message["change"] = _IFF_UP
    return message


def delete_link(name: str) -> Message:
    return _link(_RTM_DELLINK, 0, ("IFLA_IFNAME", name))


def add_address(index: int, address: str, prefix: int) -> Message:
    message = _new("ifaddrmsg", _RTM_NEWADDR, CREATE | REPLACE)
    message["family"] = _family(address)
    message["prefixlen"] = prefix
    message["index"] = index
    # The engine gives each address once: to wait for a neighbour to object (RFC 4862) would take a second.
    message["flags"] = _IFA_F_NODAD if ":" in address else 0
    message["attrs"] = [("IFA_ADDRESS", address), ("IFA_LOCAL", address)]
    return message


def default_route(index: int, gateway: str) -> Message:
    """Instead of the one that there is."""
    message = _new("rtmsg", _RTM_NEWROUTE, CREATE | REPLACE)
    message["family"] = _family(gateway)
    message["table"] = _TABLE_MAIN
    message["proto"] = _PROTO_BOOT
    message["scope"] = _SCOPE_UNIVERSE
    message["type"] = _UNICAST
    message["attrs"] = [("RTA_GATEWAY", gateway), ("RTA_OIF", index)]
    return message


def _link(kind: int, flags: int, *attributes: tuple[str, Any]) -> Message:
    message = _new("ifinfmsg", kind, flags)
    message["attrs"] = list(attributes)
    return message


def _new(name: str, kind: int, flags: int) -> Message:
    message = _class(name)()
    message["header"].update({"type": kind, "flags": REQUEST | flags})
    return message


@cache
def _class(name: str) -> Any:
    # Imported when first needed: it takes 75 ms and 11 MB, and who runs no bridge needs none of it.
    return getattr(import_module(f"pyroute2.netlink.rtnl.{name}"), name)


def _family(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def is_gone(error: OSError) -> bool:
    """Whether what was to be removed is gone already."""
    return error.errno in (errno.ENODEV, errno.ESRCH, errno.ENOENT)
