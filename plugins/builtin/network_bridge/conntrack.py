"""Forgetting connections that the kernel tracks (nfnetlink_conntrack.h). Everything blocks, for a moment."""

import errno
import os
import socket
import struct
from typing import Final

from ck.kernel.linux.netlink import ACK, REQUEST, error_code, message, split
from ck.kernel.linux.nftables.attributes import attribute, nested

_NETLINK_NETFILTER: Final = 12
_DELETE: Final = 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE
_BY_PROTOCOL_AND_PORT: Final = 1 << 3 | 1 << 5  # CTA_FILTER_F: the protocol, the destination port


def forget_udp(port: int) -> None:
    """Forget who has sent to this UDP port of the host: the kernel would send what follows where it did before, as
    there is no end to such a connection. Raises: OSError."""
    number = attribute(1, bytes([socket.IPPROTO_UDP]))
    original = nested(1, nested(2, number, attribute(3, struct.pack(">H", port))))
    only = nested(25, attribute(1, struct.pack("=I", _BY_PROTOCOL_AND_PORT)), attribute(2, struct.pack("=I", 0)))
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER) as netlink:
        for family in (socket.AF_INET, socket.AF_INET6):
            body = struct.pack(">BBH", family, 0, 0) + original + only
            netlink.send(message(_DELETE, REQUEST | ACK, 1, body))
            ((_, _, answer),) = split(netlink.recv(1 << 16))
            if (code := error_code(answer)) not in (0, errno.ENOENT):
                raise OSError(code, os.strerror(code))
