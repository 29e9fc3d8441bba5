"""A machine for an engine, as far as its network goes: a namespace with an uplink, and one on the other side of it."""

import os
import subprocess
from typing import Final, Self

from ck.kernel.linux.netns import inside, new_network_namespace
from ck.kernel.linux.nftables.attributes import attribute, nested, number, text
from ck.kernel.linux.nftables.connection import Nftables
from ck.kernel.linux.nftables.messages import INET, Hook, Point, Table
from tests.support.daemon import entering

HOST4: Final = "10.99.0.1"
HOST6: Final = "fd99::1"
LAN4: Final = "10.99.0.2"
LAN6: Final = "fd99::2"
UPLINK_MTU: Final = 1480
_TELLS_AT_ONCE: Final = {
    "ipv4/conf/all/forwarding": 1,
    "ipv6/conf/all/forwarding": 1,
    "ipv4/icmp_ratelimit": 0,
    "ipv6/icmp/ratelimit": 0,
}
"""Settings of the neighbour: it answers each packet that it cannot pass on."""


class Machine:
    """`host` is the fd of the namespace in which an engine is to run, `lan` that of a neighbour on its network, which
    is the default gateway too. Gone when closed, with all that is in them."""

    def __init__(self) -> None:
        self.host = new_network_namespace()
        self.lan = new_network_namespace()
        try:
            self.ip(self.host, f"link add up0 mtu {UPLINK_MTU} type veth peer name lan0 netns /proc/self/fd/{self.lan}")
            for where, link, ipv4, ipv6 in ((self.host, "up0", HOST4, HOST6), (self.lan, "lan0", LAN4, LAN6)):
                self.ip(where, f"addr add {ipv4}/24 dev {link}")
                self.ip(where, f"addr add {ipv6}/64 dev {link} nodad")
                self.ip(where, f"link set {link} mtu {UPLINK_MTU} up")
            self._say_that_there_is_no_internet()
            self.ip(self.host, f"route add default via {LAN4}")
            self.ip(self.host, f"route add default via {LAN6}")
        except BaseException:
            self.close()
            raise

    def _say_that_there_is_no_internet(self) -> None:
        """The neighbour answers each packet that is for others at once: who asks the internet is not kept waiting."""
        for version in ("4", "6"):
            self.ip(self.lan, f"-{version} route add default dev lan0")
        for setting, value in _TELLS_AT_ONCE.items():
            self.run(self.lan, "sh", "-c", f"echo {value} >/proc/sys/net/{setting}")
        # By a rule, because an unreachable route tells only a few times (net.ipv4.route.error_cost).
        reject = nested(1, text(1, "reject"), nested(2, number(1, 2), attribute(2, b"\x01")))
        table = Table(INET, "ck-test")
        with inside(self.lan), Nftables() as nftables:
            chain = table.add_chain("forward", Hook("filter", Point.FORWARD, 0))
            nftables.commit([table.create(), chain, table.add_rule("forward", reject)])

    def ip(self, where: int, words: str) -> str:
        """Run `ip` in a namespace."""
        return self.run(where, "ip", *words.split())

    def links(self) -> list[str]:
        """The names of the links of the host, sorted."""
        lines = self.ip(self.host, "-brief link").splitlines()
        return sorted(line.split()[0].partition("@")[0] for line in lines)

    def run(
        self, where: int, *command: str, check: bool = True, stdin: bytes | None = None, timeout: float = 60
    ) -> str:
        """Run a command in a namespace; return what it printed."""
        done = subprocess.run(
            [*entering(where), *command],
            pass_fds=(self.host, self.lan),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            input=stdin,
            timeout=timeout,
        )
        text = done.stdout.decode(errors="replace")
        assert not check or done.returncode == 0, f"{' '.join(command)}: exit code {done.returncode}\n{text}"
        return text

    def popen(self, where: int, *command: str) -> "subprocess.Popen[bytes]":
        """Start a command in a namespace."""
        return subprocess.Popen(
            [*entering(where), *command],
            pass_fds=(self.host, self.lan),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def close(self) -> None:
        os.close(self.host)
        os.close(self.lan)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
