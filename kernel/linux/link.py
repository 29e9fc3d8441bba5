"""Network links by ioctl(2), for what netlink would be too much for (netdevice(7))."""

import fcntl
import socket
import struct
from typing import Final

SIOCGIFFLAGS: Final = 0x8913
SIOCSIFFLAGS: Final = 0x8914
IFF_UP: Final = 1
_IFREQ: Final = struct.Struct("16sH22x")


def bring_up(name: str) -> None:
    """Set the link *name* of the caller's network namespace up; one that is up is left so. Raises: OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as control:
        request = fcntl.ioctl(control, SIOCGIFFLAGS, _IFREQ.pack(name.encode(), 0))
        _, flags = _IFREQ.unpack(request)
        if not flags & IFF_UP:
            fcntl.ioctl(control, SIOCSIFFLAGS, _IFREQ.pack(name.encode(), flags | IFF_UP))
