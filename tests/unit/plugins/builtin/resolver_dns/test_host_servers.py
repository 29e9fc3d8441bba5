import os
from pathlib import Path

from ck.plugins.builtin.resolver_dns.host_servers import HostServers


def test_a_change_is_seen_at_once(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    servers = HostServers(path)
    assert servers.current() == ()
    path.write_text("# by hand\nnameserver 127.0.0.53\nnameserver\nsearch a b\n")
    assert servers.current() == ["127.0.0.53"]
    # As network managers do it: another file in its place.
    other = tmp_path / "new"
    other.write_text("nameserver 192.0.2.1\nnameserver fe80::1%eth0\n")
    os.replace(other, path)
    assert servers.current() == ["192.0.2.1", "fe80::1%eth0"]
