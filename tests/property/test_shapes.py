"""What a client asks for is what `inspect` shows, whatever it is: JSON -> ContainerSpec -> record -> JSON."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ck.kernel.api.container import Container
from ck.kernel.errors import CkError
from ck.plugins.builtin.docker_api._shapes.container import container_json, container_spec
from ck.plugins.builtin.docker_api.exchange import parse_json

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
NAME = TEXT.filter(bool)
WORDS = st.lists(TEXT, max_size=3)
NUMBER = st.integers(min_value=0, max_value=(1 << 63) - 1)
MAP = st.dictionaries(NAME, TEXT, max_size=3)
KEYS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(NAME, st.just({}), max_size=3)


def fields(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=optional)


HEALTHCHECK = fields(Test=WORDS, Interval=NUMBER, Timeout=NUMBER, Retries=NUMBER, StartPeriod=NUMBER)
CONFIG: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(["Hostname", "Domainname", "User", "Image", "WorkingDir", "StopSignal"], TEXT),
    **dict.fromkeys(["AttachStdin", "AttachStdout", "AttachStderr", "Tty", "OpenStdin", "StdinOnce"], st.booleans()),
    **dict.fromkeys(["Cmd", "Entrypoint", "Shell"], st.none() | WORDS),
    **dict.fromkeys(["ExposedPorts", "Volumes"], KEYS),
    "Env": WORDS,
    "Labels": MAP,
    "StopTimeout": st.none() | NUMBER,
    "Healthcheck": st.none() | HEALTHCHECK,
}

BIND = fields(Propagation=TEXT, NonRecursive=st.booleans(), IDMap=st.booleans(), CreateMountpoint=st.booleans())
VOLUME = fields(NoCopy=st.booleans(), Labels=MAP, Subpath=TEXT, DriverConfig=fields(Name=TEXT, Options=MAP))
TMPFS = fields(
    SizeBytes=NUMBER,
    Mode=NUMBER,
    Options=st.lists(st.lists(NAME.filter(lambda t: "=" not in t), min_size=1, max_size=2)),
)


def mount(kind: str, key: str, options: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"Type": st.just(kind), "Target": NAME},
        optional={"Source": TEXT, "ReadOnly": st.booleans(), "Consistency": TEXT, key: options},
    )


MOUNT = (
    mount("bind", "BindOptions", BIND)
    | mount("volume", "VolumeOptions", VOLUME)
    | mount("tmpfs", "TmpfsOptions", TMPFS)
)
HOST: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(["ContainerIDFile", "VolumeDriver", "CgroupnsMode", "IpcMode", "PidMode", "UTSMode"], TEXT),
    **dict.fromkeys(["UsernsMode", "Runtime", "CgroupParent", "CpusetCpus", "CpusetMems"], TEXT),
    **dict.fromkeys(
        ["Binds", "VolumesFrom", "CapAdd", "CapDrop", "Dns", "DnsOptions", "DnsSearch", "ExtraHosts"], WORDS
    ),
    **dict.fromkeys(["GroupAdd", "Links", "SecurityOpt", "DeviceCgroupRules"], WORDS),
    **dict.fromkeys(["AutoRemove", "Privileged", "PublishAllPorts", "ReadonlyRootfs", "OomKillDisable"], st.booleans()),
    **dict.fromkeys(["Annotations", "StorageOpt", "Tmpfs", "Sysctls"], MAP),
    **dict.fromkeys(["OomScoreAdj", "ShmSize", "CpuShares", "Memory", "NanoCpus", "BlkioWeight", "CpuPeriod"], NUMBER),
    **dict.fromkeys(["CpuQuota", "MemoryReservation", "MemorySwap"], NUMBER),
    **dict.fromkeys(["MaskedPaths", "ReadonlyPaths"], st.none() | WORDS),
    "NetworkMode": NAME.filter(lambda mode: mode != "default"),
    "Init": st.none() | st.booleans(),
    "PidsLimit": st.integers(1, 1 << 40),
    "MemorySwappiness": st.integers(0, 100),
    "ConsoleSize": st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(list),
    "LogConfig": st.fixed_dictionaries({"Type": TEXT, "Config": MAP}),
    "RestartPolicy": st.fixed_dictionaries({"Name": TEXT, "MaximumRetryCount": NUMBER}),
    "PortBindings": st.dictionaries(
        NAME, st.lists(st.fixed_dictionaries({"HostIp": TEXT, "HostPort": TEXT}), max_size=2)
    ),
    "Ulimits": st.lists(st.fixed_dictionaries({"Name": NAME, "Soft": NUMBER, "Hard": NUMBER}), max_size=2),
    "Devices": st.lists(
        st.fixed_dictionaries({"PathOnHost": NAME, "PathInContainer": NAME, "CgroupPermissions": NAME}), max_size=2
    ),
    "Mounts": st.lists(MOUNT, max_size=3),
}
BODY = st.tuples(fields(**CONFIG), fields(**HOST)).map(lambda pair: {**pair[0], "HostConfig": pair[1]})


def prune(value: Any) -> Any:
    """Without what asks for nothing: the API may leave out zeros, or show them as null."""
    if isinstance(value, dict):
        kept = {key: prune(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item or key in ("Soft", "Hard")}
    return [prune(item) for item in value] if isinstance(value, list) else value


def record(body: dict[str, Any]) -> Container:
    spec = container_spec(body)
    return Container(
        id="0" * 64,
        name="x",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        image_id="",
        image_ref=spec.config.image,
        path="",
        args=(),
        config=spec.config,
        host_config=spec.host_config,
        networks=spec.networks,
    )


@settings(deadline=None, max_examples=150)
@given(BODY)
def test_inspect_shows_what_was_asked(body: dict[str, Any]) -> None:
    shown = json.loads(json.dumps(container_json(record(body))))
    for key, wanted in prune(body).items():
        if key != "HostConfig":
            assert shown["Config"][key] == (wanted if key in ("ExposedPorts", "Volumes") else body[key]) or prune(
                shown["Config"][key]
            ) == prune(wanted)
    for key, wanted in body["HostConfig"].items():
        if prune(wanted) or wanted in ([], 0, False):
            got = shown["HostConfig"].get(key)
            assert prune(got) == prune(wanted) or (not got and not wanted), key


@settings(deadline=None, max_examples=100)
@given(BODY)
def test_what_inspect_shows_asks_for_the_same_again(body: dict[str, Any]) -> None:
    first = record(body)
    shown = json.loads(json.dumps(container_json(first)))
    again = container_spec({**shown["Config"], "HostConfig": shown["HostConfig"]})
    assert again.host_config == first.host_config
    assert again.config == first.config


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*CONFIG, *HOST, "HostConfig", "NetworkingConfig", "MacAddress", "x"]), inner)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from([*CONFIG, "HostConfig", "NetworkingConfig", "MacAddress", "x"]), JSON))
def test_any_json_is_a_spec_or_is_refused_by_a_sentence(body: dict[str, Any]) -> None:
    try:
        container_spec(body)
    except CkError as refusal:
        assert str(refusal)


@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_are_refused(text: bytes) -> None:
    try:
        parse_json(text, "the body")
    except CkError as refusal:
        assert str(refusal).startswith("the body is not valid JSON")
