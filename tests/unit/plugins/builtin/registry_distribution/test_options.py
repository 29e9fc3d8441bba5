"""The driver's options, and where a registry is asked."""

import pytest

from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.registry_distribution._options import (
    Endpoint,
    bare_host,
    endpoints,
    is_loopback,
    read_options,
)


@pytest.mark.parametrize(
    ("registry", "url"),
    [
        ("docker.io", "https://registry-1.docker.io"),
        ("ghcr.io", "https://ghcr.io"),
        ("localhost:5000", "http://localhost:5000"),
        ("127.9.9.9", "http://127.9.9.9"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("lan:80", "http://lan:80"),
        ("lan", "https://lan"),
        ("other:81", "http://other:81"),
        ("10.1.2.3:5000", "http://10.1.2.3:5000"),
        ("11.1.2.3:5000", "https://11.1.2.3:5000"),
        ("127.0.0.1:443", "https://127.0.0.1:443"),
    ],
)
def test_scheme(registry: str, url: str) -> None:
    options = read_options({"insecure": ["lan:80", "other", "10.0.0.0/8"]})
    (found,) = endpoints(registry, options, frozenset({"127.0.0.1:443"}))
    assert found.url == url


def test_mirrors_come_first() -> None:
    options = read_options({"mirrors": {"docker.io": ["127.0.0.1:5000", "mirror.lan", "http://cache.lan/proxy/hub/"]}})
    assert endpoints("docker.io", options, frozenset()) == (
        Endpoint(scheme="http", host="127.0.0.1:5000", is_mirror=True),
        Endpoint(scheme="https", host="mirror.lan", is_mirror=True),
        Endpoint(scheme="http", host="cache.lan", prefix="proxy/hub/", is_mirror=True),
        Endpoint(scheme="https", host="registry-1.docker.io"),
    )
    assert len(endpoints("ghcr.io", options, frozenset())) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"mirror": {}},
        {"mirrors": []},
        {"mirrors": {"docker.io": "http://x"}},
        {"mirrors": {"docker.io": ["ftp://x"]}},
        {"mirrors": {"docker.io": ["http://user:word@x"]}},
        {"mirrors": {"docker.io": ["http://x?y"]}},
        {"mirrors": {"docker.io": ["http://x/UP"]}},
        {"insecure": "x"},
        {"insecure": ["http://x"]},
        {"insecure": ["10.0.0.0/99"]},
        {"downloads": 0},
        {"downloads": True},
        {"attempts": "3"},
        {"backoff": -1},
    ],
)
def test_refused_options_are_named(options: dict[str, object]) -> None:
    (name,) = options
    with pytest.raises(InvalidArgument, match=f"option '{name}'"):
        read_options(options)


def test_hosts() -> None:
    names = ["a", "a:5000", "[::1]", "[::1]:5000", "1.2.3.4:5"]
    assert [bare_host(name) for name in names] == ["a", "a", "::1", "::1", "1.2.3.4"]
    assert [is_loopback(name) for name in ["localhost", "x.localhost:1", "127.1.1.1", "[::1]:5", "128.0.0.1", "x"]] == [
        True, True, True, True, False, False,
    ]  # fmt: skip
