"""`ck search` against a server that answers as Docker Hub's index does."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import docker
import pytest

from tests.support.daemon import Daemon
from tests.support.registry import Registry, free_port

FOUND = [
    {"name": "few", "description": "a\nsecond line " + "x" * 60, "star_count": 2, "is_official": False},
    {"name": "many", "description": "", "star_count": 900, "is_official": True, "is_automated": True},
]


class Index(BaseHTTPRequestHandler):
    """Docker Hub and Registry Spec v1, "Search"."""

    asked: list[dict[str, list[str]]]
    authorization: list[str]

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.asked.append(parse_qs(parts.query))
        self.authorization.append(self.headers.get("Authorization", ""))
        body, status = b"not found", 404
        if parts.path == "/v1/search":
            term = self.asked[-1]["q"][0]
            results = [each for each in FOUND if term in ("all", each["name"])]
            body, status = json.dumps({"query": term, "num_results": len(results), "results": results}).encode(), 200
            if term == "garbage":
                body = b"<html>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: the test looks itself."""


@pytest.fixture
def index() -> Iterator[str]:
    Index.asked, Index.authorization = [], []
    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_table(daemon: Daemon, index: str) -> None:
    assert daemon.ck("search", f"{index}/all").out == (
        "NAME      DESCRIPTION                                     STARS     OFFICIAL\n"
        "many                                                      900       [OK]\n"
        f"few       a second line {'x' * 30}…   2         \n"
    )
    assert Index.asked == [{"q": ["all"], "n": ["25"]}]
    full = daemon.ck("search", "--no-trunc", "--format", "{{.Name}} {{.Description}}", "--limit", "1", f"{index}/few")
    assert full.out == f"few a second line {'x' * 60}\n"
    assert Index.asked[-1] == {"q": ["few"], "n": ["1"]}


def test_filters(daemon: Daemon, index: str) -> None:
    def names(*filters: str) -> list[str]:
        options = [word for each in filters for word in ("--filter", each)]
        return daemon.ck("search", *options, "--format", "{{.Name}}", f"{index}/all").out.split()

    assert names("is-official=true") == ["many"] and names("is-official=false") == ["few"]
    assert names("stars=3") == ["many"] and names("stars=2") == ["many", "few"] and names("stars=901") == []
    assert names("is-automated=true") == []


def test_docker_py(daemon: Daemon, index: str) -> None:
    client = docker.APIClient(base_url=f"unix://{daemon.socket}")
    try:
        found = client.search(f"{index}/many", limit=3)
    finally:
        client.close()
    assert found == [{"name": "many", "description": "", "star_count": 900, "is_official": True, "is_automated": False}]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--limit", "101", "{}/all"), "limit 101 is outside the range of [1, 100]"),
        (("--filter", "stars=x", "{}/all"), "invalid filter 'stars=x'"),
        (("--filter", "colour=red", "{}/all"), "invalid filter 'colour'"),
        (("{}/garbage",), "sent no list of search results"),
        (("https://{}/all",), "cannot search for 'https://"),
    ],
)
def test_bad_input(daemon: Daemon, index: str, arguments: tuple[str, ...], sentence: str) -> None:
    result = daemon.ck("search", *(each.format(index) for each in arguments), check=False)
    assert (result.code, result.out) == (1, "") and sentence in result.err, result


def test_who_does_not_answer(daemon: Daemon, registry: Registry) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    refused = daemon.ck("search", f"{nobody}/x", check=False)
    assert (refused.code, refused.err) == (1, f"ck: {nobody} cannot be reached: connection refused\n")
    nothing = daemon.ck("search", f"{registry.address}/x", check=False)
    assert (nothing.code, nothing.err) == (1, f"ck: {registry.address} has no search (there is no /v1/search)\n")


def test_docker_hub_without_a_network() -> None:
    # Whatever network this machine has, the engine sees none: its proxy is a port on which nobody listens.
    with Daemon(env={"HTTPS_PROXY": f"http://127.0.0.1:{free_port()}"}) as cut_off:
        result = cut_off.ck("search", "alpine", check=False)
    assert (result.code, result.err) == (1, "ck: index.docker.io cannot be reached: connection refused\n")
