"""The conformance check of the bridge driver, run as a program: its process must be in a namespace of its own."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

from ck.kernel.drivers.network import NetworkConfig, Subnet
from ck.kernel.linux.netns import new_network_namespace
from ck.kernel.testing.network import check_network_driver
from ck.plugins.builtin.network_bridge.plugin import make

NETWORK = NetworkConfig(
    id="ab" * 32,
    name="ck-test",
    driver="bridge",
    enable_ipv6=True,
    subnets=(
        Subnet(prefix="172.31.0.0/24", gateway="172.31.0.1"),
        Subnet(prefix="fd00:31::/64", gateway="fd00:31::1"),
    ),
)


@contextmanager
def namespace() -> Iterator[int]:
    fd = new_network_namespace()
    try:
        yield fd
    finally:
        os.close(fd)


if __name__ == "__main__":
    trio.run(check_network_driver, lambda: make({}), NETWORK, Path(sys.argv[1]), namespace)
