import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.health_probes._address import parse_address, parse_page

LOOPBACK = ("127.0.0.1", "::1")


@pytest.mark.parametrize(
    ("text", "hosts", "port"),
    [
        ("3306", LOOPBACK, 3306),
        (":3306", LOOPBACK, 3306),
        ("localhost:80", LOOPBACK, 80),
        ("172.17.0.2:53", ("172.17.0.2",), 53),
        ("[::1]:65535", ("::1",), 65535),
    ],
)
def test_addresses(text: str, hosts: tuple[str, ...], port: int) -> None:
    address = parse_address(text)
    assert (address.hosts, address.port) == (hosts, port)


@pytest.mark.parametrize(
    ("text", "host", "port", "path"),
    [
        ("8080", "localhost:8080", 8080, "/"),
        (":8080/healthz?full=1", "localhost:8080", 8080, "/healthz?full=1"),
        ("http://localhost/", "localhost:80", 80, "/"),
        ("http://127.0.0.1:81/a/b", "127.0.0.1:81", 81, "/a/b"),
        ("http://[::1]/", "[::1]:80", 80, "/"),
    ],
)
def test_pages(text: str, host: str, port: int, path: str) -> None:
    page = parse_page(text)
    assert (page.host, page.address.port, page.path) == (host, port, path)


@pytest.mark.parametrize("text", ["", "x", "0", "65536", "-1", "web:80", ":", "1.2.3:80", "80:", "٣"])
def test_bad_addresses_are_refused_with_the_value(text: str) -> None:
    with pytest.raises(InvalidArgument, match="in the health check"):
        parse_address(text)


@pytest.mark.parametrize("text", ["https://localhost/", "8080/a b", "8080/\r\nX: y", "ftp://x", "http://db/", "80/é"])
def test_bad_pages_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_page(text)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_and_never_splits_the_request(text: str) -> None:
    try:
        page = parse_page(text)
    except InvalidArgument:
        return
    assert 0 < page.address.port < 65536 and page.path.startswith("/")
    assert not set(page.path + page.host) & set("\r\n\0 ")
