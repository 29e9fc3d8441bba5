"""Host name and NIS domain name of this process's UTS namespace (sethostname(2), setdomainname(2))."""

import ctypes
import socket

from ck.kernel.linux.libc import function

_setdomainname = function("setdomainname", ctypes.c_char_p, ctypes.c_size_t)


def set_hostname(name: str) -> None:
    """At most 64 bytes."""
    socket.sethostname(name)


def set_domainname(name: str) -> None:
    """At most 64 bytes."""
    encoded = name.encode()
    _setdomainname(encoded, len(encoded))
