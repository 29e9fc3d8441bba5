"""hosts and resolv.conf."""

import pytest

from ck.kernel.engine.etc_files import Resolver, hosts_file, resolv_conf, split_extra_host
from ck.kernel.errors import InvalidArgument

HOST = "# made by hand\nnameserver 127.0.0.53\nnameserver 10.0.0.1\nsearch lan\noptions ndots:2\n"


def test_hosts() -> None:
    text = hosts_file("web", "example.org", ["10.0.0.2"], ["db:10.0.0.3", "six=[2001:db8::1]"], host="")
    assert "127.0.0.1\tlocalhost\n" in text
    assert "10.0.0.3\tdb\n2001:db8::1\tsix\n10.0.0.2\tweb.example.org web\n" in text


def test_a_shared_network_shares_the_hosts_names() -> None:
    assert hosts_file("h", "", [], [], host="10.1.1.1\tme\n") == "10.1.1.1\tme\n"


@pytest.mark.parametrize("entry", ["db", "db:", ":10.0.0.1", "db:10.0.0.256", "a b:10.0.0.1"])
def test_extra_hosts_that_are_none(entry: str) -> None:
    with pytest.raises(InvalidArgument):
        split_extra_host(entry)


def test_the_hosts_resolver_without_what_cannot_be_reached() -> None:
    assert resolv_conf(HOST, Resolver(), own_network=False) == HOST
    assert "127.0.0.53" not in resolv_conf(HOST, Resolver(), own_network=True)
    assert "nameserver 10.0.0.1\n" in resolv_conf(HOST, Resolver(), own_network=True)


def test_what_was_asked_for_replaces() -> None:
    text = resolv_conf(HOST, Resolver(servers=("9.9.9.9",), search=("x", "y"), options=("rotate",)), own_network=True)
    assert text == "# made by hand\nnameserver 9.9.9.9\nsearch x y\noptions rotate\n"
    assert "search" not in resolv_conf(HOST, Resolver(search=(".",)), own_network=True)


def test_a_server_that_is_no_address() -> None:
    with pytest.raises(InvalidArgument, match=r"'dns\.example'"):
        resolv_conf(HOST, Resolver(servers=("dns.example",)), own_network=True)
