"""What a build is asked for, out of the query of a request. Pure."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ck.kernel.api.build import BuildLimits, BuildRequest, Secret
from ck.kernel.drivers.registry import Credentials
from ck.kernel.errors import InvalidArgument, Unsupported
from ck.plugins.builtin.docker_api._shapes.host_config import ULIMITS
from ck.plugins.builtin.docker_api._shapes.reference import decode_header, load_credentials, platform_of
from ck.plugins.builtin.docker_api.exchange import Query

_NOTHING: Final[Mapping[str, Secret]] = {}
_REFUSED: Final = ("squash", "securityopt")
_HUB: Final = ("https://index.docker.io/v1/", "index.docker.io")


def build_request(
    query: Query,
    headers: Mapping[str, str],
    *,
    dockerfile_text: bytes | None = None,
    ignorefile_text: bytes | None = None,
    secrets: Mapping[str, Secret] = _NOTHING,
) -> BuildRequest:
    """Raises: InvalidArgument for what is malformed, Unsupported for what this engine's builder has not."""
    if query.text("version") == "2":
        raise Unsupported("BuildKit is not part of this engine: build with DOCKER_BUILDKIT=0, or with ck build")
    if query.text("outputs"):
        raise Unsupported("outputs other than an image are made by ck build --output")
    for name in _REFUSED:
        if query.flag(name):
            raise Unsupported(f"this engine's builder does not support {name}")
    if query.text("isolation", "default") != "default":
        raise Unsupported(f"isolation={query.text('isolation')} is of another operating system")
    arguments, ulimits = _texts(query, "buildargs"), query.json("ulimits")
    epoch = arguments.get("SOURCE_DATE_EPOCH")
    return BuildRequest(
        tags=tuple(query.all("t")),
        dockerfile=query.text("dockerfile") or "Dockerfile",
        dockerfile_text=dockerfile_text,
        ignorefile_text=ignorefile_text,
        target=query.text("target"),
        build_args=arguments,
        labels=_texts(query, "labels"),
        platform=platform_of(query.text("platform")),
        use_cache=not query.flag("nocache"),
        cache_from=_references(query),
        pull=query.flag("pull"),
        network=query.text("networkmode"),
        extra_hosts=tuple(_hosts(query)),
        shm_size=query.number("shmsize") or 0,
        limits=BuildLimits(
            memory=query.number("memory") or 0,
            memory_swap=query.number("memswap") or 0,
            cpu_shares=query.number("cpushares") or 0,
            cpu_period=query.number("cpuperiod") or 0,
            cpu_quota=query.number("cpuquota") or 0,
            cpuset_cpus=query.text("cpusetcpus"),
            cpuset_mems=query.text("cpusetmems"),
        ),
        ulimits=() if ulimits is None else ULIMITS.load(ulimits, "ulimits"),
        cgroup_parent=query.text("cgroupparent"),
        epoch=_epoch(epoch) if epoch else None,
        reproducible=query.flag("ck-reproducible"),
        credentials=_credentials(headers.get("x-registry-config", "")),
        secrets=secrets,
        agents={name: Path(path) for name, path in _texts(query, "ck-ssh").items()},
    )


def _references(query: Query) -> tuple[str, ...]:
    found = query.json("cachefrom") or []
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise InvalidArgument(f"the query parameter cachefrom must be a list of images, not {json.dumps(found)}")
    return tuple(found)


def _texts(query: Query, name: str) -> dict[str, str]:
    """A JSON object of texts; a build argument without a value (null) is as good as not given."""
    value = query.json(name)
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(each, str | None) for each in value.values()):
        raise InvalidArgument(f"{name} must be a JSON object of texts, not {json.dumps(value)}")
    return {key: text for key, text in value.items() if text is not None}


def _hosts(query: Query) -> list[str]:
    """`name:address`, several separated by commas in one or several parameters."""
    return [host for text in query.all("extrahosts") for host in text.split(",") if host]


def _epoch(text: str) -> int:
    if not text.isdigit() or len(text) > 11:
        raise InvalidArgument(f"SOURCE_DATE_EPOCH must be seconds since 1970, not {text!r}")
    return int(text)


def _credentials(header: str) -> dict[str, Credentials]:
    """X-Registry-Config: base64url of a map from a registry to an AuthConfig."""
    found: Any = decode_header(header, "X-Registry-Config") if header else {}
    if not isinstance(found, dict):
        raise InvalidArgument("X-Registry-Config must hold a JSON object")
    loaded = {_host(server): load_credentials(auth) for server, auth in found.items() if isinstance(auth, dict)}
    return {server: credentials for server, credentials in loaded.items() if credentials is not None}


def _host(server: str) -> str:
    return "docker.io" if server in _HUB else server.removeprefix("https://").removeprefix("http://").partition("/")[0]
