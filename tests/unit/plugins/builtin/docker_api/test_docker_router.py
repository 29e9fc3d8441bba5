"""The route table, and which versions of the API are served."""

import tomllib
from pathlib import Path

import pytest

from ck.kernel.errors import InvalidArgument, NotFound
from ck.plugins.builtin.docker_api import versions
from ck.plugins.builtin.docker_api.exchange import Query, Request
from ck.plugins.builtin.docker_api.router import Route, Router
from ck.plugins.builtin.docker_api.routes import ROUTES

ROUTER = Router(ROUTES)


@pytest.mark.parametrize(
    ("method", "path", "handler", "params", "version"),
    [
        ("GET", "/_ping", "ping", {}, (1, 51)),
        ("GET", "/v1.24/_ping", "ping", {}, (1, 24)),
        ("GET", "/v1.50/containers/json", "list_containers", {}, (1, 50)),
        ("GET", "/v1.50/containers/abc/json", "inspect", {"id": "abc"}, (1, 50)),
        ("GET", "/containers//abc/json", "inspect", {"id": "abc"}, (1, 51)),
        ("GET", "/images/json", "list_images", {}, (1, 51)),
        ("GET", "/images/quay.io/a/b:1/json", "inspect", {"id": "quay.io/a/b:1"}, (1, 51)),
        ("GET", "/images/host%2Fsh/history", "history", {"id": "host/sh"}, (1, 51)),
        ("GET", "/images/a@sha256:00/json", "inspect", {"id": "a@sha256:00"}, (1, 51)),
        ("DELETE", "/images/json/json", "remove", {"id": "json/json"}, (1, 51)),
        ("POST", "/images/a/b/tag", "tag", {"id": "a/b"}, (1, 51)),
        ("POST", "/images/a/b/push", "push", {"id": "a/b"}, (1, 51)),
        ("GET", "/images/a/get", "save", {"id": "a"}, (1, 51)),
        ("PUT", "/containers/a/archive", "put", {"id": "a"}, (1, 51)),
    ],
)
def test_match(method: str, path: str, handler: str, params: dict[str, str], version: tuple[int, int]) -> None:
    match = ROUTER.match(method, path)
    assert (match.route.handler.__name__, match.params, match.version) == (handler, params, version)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/v1.50"), ("PUT", "/_ping"), ("GET", "/v1.x/info"), ("GET", "/info/")]
)
def test_no_match(method: str, path: str) -> None:
    with pytest.raises(NotFound, match="page not found"):
        ROUTER.match(method, path)


def test_versions_outside_the_range_are_refused_in_docker_s_words() -> None:
    with pytest.raises(
        InvalidArgument, match=r"client version 1\.23 is too old\. Minimum supported API version is 1\.24"
    ):
        ROUTER.match("GET", "/v1.23/info")
    with pytest.raises(
        InvalidArgument, match=r"client version 1\.100 is too new\. Maximum supported API version is 1\.51"
    ):
        ROUTER.match("GET", "/v1.100/info")


def test_a_segment_does_not_cross_a_slash_and_a_path_does() -> None:
    async def handler(_: Request) -> None: ...

    router = Router([Route("GET", "/a/{id}/b", handler), Route("GET", "/c/{id:path}", handler)])
    with pytest.raises(NotFound):
        router.match("GET", "/a/1/2/b")
    assert router.match("GET", "/c/1/2/b").params == {"id": "1/2/b"}


def test_every_route_is_in_the_table_once() -> None:
    keys = [(route.method, route.pattern, route.when) for route in ROUTES]
    assert len(keys) == len(set(keys))


def test_a_route_that_needs_a_parameter_is_meant_where_that_has_a_value() -> None:
    meant = {
        text: ROUTER.match("POST", "/images/create", Query(text)).route.handler.__name__
        for text in ("fromImage=a", "fromSrc=-", "fromSrc=&fromImage=a", "")
    }
    assert list(meant.values()) == ["pull", "import_archive", "pull", "pull"]


def test_the_version_is_that_of_the_project() -> None:
    for parent in Path(__file__).resolve().parents:
        if (parent / "pyproject.toml").exists():
            assert tomllib.loads((parent / "pyproject.toml").read_text())["project"]["version"] == versions.ENGINE
            return
    raise AssertionError("no pyproject.toml above this test")


def test_what_differs_between_versions() -> None:
    assert versions.stream_type((1, 41), tty=False) == "application/vnd.docker.raw-stream"
    assert versions.stream_type((1, 42), tty=False) == "application/vnd.docker.multiplexed-stream"
    assert versions.stream_type((1, 42), tty=True) == "application/vnd.docker.raw-stream"
    assert not versions.wait_answers_early((1, 29)) and versions.wait_answers_early((1, 30))
    old = versions.create_defaults({"Image": "a", "HostConfig": {"PidsLimit": 5, "Annotations": {"a": "b"}}}, (1, 30))
    assert old == {"Image": "a", "HostConfig": {"IpcMode": "shareable"}}
    assert versions.create_defaults({"HostConfig": None}, (1, 51)) == {"HostConfig": {}}
    assert versions.prune_filters({}, (1, 41)) == {"all": ["true"]} and versions.prune_filters({}, (1, 42)) == {}
    summary = {"Size": 3, "Containers": -1, "RepoTags": [], "RepoDigests": []}
    assert versions.image_fields(dict(summary), (1, 51)) == summary
    assert versions.image_fields(dict(summary), (1, 42)) == summary | {
        "VirtualSize": 3,
        "RepoTags": ["<none>:<none>"],
        "RepoDigests": ["<none>@<none>"],
    }
    assert "ContainerConfig" in versions.image_fields({"Size": 1, "RootFS": {}}, (1, 44))
    assert versions.usage_fields({}, (1, 41)) == {"BuilderSize": 0}
