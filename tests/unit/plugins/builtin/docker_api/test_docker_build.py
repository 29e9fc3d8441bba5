"""What the query of a build asks for."""

from urllib.parse import urlencode

import pytest

from ck.cli.commands.image._context import private_body
from ck.kernel.api.build import BuildLimits, Secret
from ck.kernel.api.container import Ulimit
from ck.kernel.errors import InvalidArgument, Unsupported
from ck.plugins.builtin.docker_api._shapes.build import build_request
from ck.plugins.builtin.docker_api._shapes.private import Private, load_private
from ck.plugins.builtin.docker_api.exchange import Query


def query(**parameters: str) -> Query:
    return Query(urlencode(parameters))


def test_limits_of_run() -> None:
    wanted = build_request(
        query(ulimits='[{"Name":"nofile","Hard":200,"Soft":100}]', cgroupparent="/a", memory="5", cpusetmems="0"), {}
    )
    assert wanted.ulimits == (Ulimit(name="nofile", soft=100, hard=200),)
    assert wanted.cgroup_parent == "/a"
    assert wanted.limits == BuildLimits(memory=5, cpuset_mems="0")
    assert build_request(query(ulimits="null", isolation="default", squash="0", rm="1", forcerm="1"), {}).ulimits == ()


@pytest.mark.parametrize("ulimits", ["{}", "[1]", '[{"Soft":1}]', '[{"Name":"nofile","Soft":"x"}]', "[{"])
def test_malformed_ulimits(ulimits: str) -> None:
    with pytest.raises(InvalidArgument, match="ulimits"):
        build_request(query(ulimits=ulimits), {})


@pytest.mark.parametrize(
    ("name", "value"), [("squash", "1"), ("securityopt", "label=x"), ("isolation", "hyperv"), ("outputs", "[]")]
)
def test_what_is_not_done_is_refused(name: str, value: str) -> None:
    with pytest.raises(Unsupported, match=name):
        build_request(query(**{name: value}), {})


def test_what_goes_along() -> None:
    assert load_private(b"{}") == Private()
    sent = private_body({"Dockerfile": b"FROM x", "Dockerignore": b""}, {"key": b"\0\xff"})
    assert load_private(sent) == Private(
        dockerfile=b"FROM x", ignorefile=b"", secrets={"key": Secret(content=b"\0\xff")}
    )
    assert private_body({}, {}) == b""


@pytest.mark.parametrize(
    "text", [b"", b"[]", b'{"Dockerfile":1}', b'{"Dockerfile":"?"}', b'{"Secrets":[]}', b'{"Secrets":{"key":null}}']
)
def test_what_goes_along_and_is_malformed(text: bytes) -> None:
    with pytest.raises(InvalidArgument):
        load_private(text)
