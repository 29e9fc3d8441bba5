"""Image configs: read, or refused whole."""

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.engine.image_config import chain_ids, read_image
from ck.kernel.errors import CorruptData

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def test_a_config_as_docker_writes_it() -> None:
    document = {
        "architecture": "arm",
        "variant": "v7",
        "os": "linux",
        "created": "2024-01-02T03:04:05.123456789Z",
        "config": {
            "User": "1000", "Env": ["A=1"], "Cmd": ["sh"], "Entrypoint": None, "Volumes": {"/data": {}},
            "ExposedPorts": {"80/tcp": {}}, "Labels": {"x": "y"}, "WorkingDir": "/w", "StopSignal": "SIGQUIT",
            "Healthcheck": {"Test": ["CMD", "true"], "Interval": 5_000_000_000},
        },
        "rootfs": {"type": "layers", "diff_ids": [A, B]},
        "history": [{"created_by": "ADD x", "created": "2024-01-02T03:04:05+01:00"}, {"empty_layer": True}],
    }  # fmt: skip
    image = read_image("sha256:i", json.dumps(document).encode())
    assert (image.architecture, image.variant) == ("arm", "v7")
    assert image.created is not None and image.created.microsecond == 123456
    assert image.config.cmd == ("sh",) and image.config.entrypoint is None
    assert image.config.volumes == ("/data",) and image.config.exposed_ports == ("80/tcp",)
    assert image.config.healthcheck is not None and image.config.healthcheck.interval == 5_000_000_000
    assert image.chain_ids == (A, f"sha256:{sha256(f'{A} {B}'.encode()).hexdigest()}")
    assert [entry.empty_layer for entry in image.history] == [False, True]


def test_chain_ids_grow_with_what_is_below() -> None:
    assert chain_ids([]) == ()
    assert chain_ids([A]) == (A,)
    assert chain_ids([A, B])[1] != chain_ids([B, B])[1]


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = ["created", "config", "rootfs", "history", "architecture", "os"]


@given(
    st.dictionaries(st.sampled_from(KEYS), JSON),
    st.dictionaries(st.sampled_from(["Env", "Cmd", "Labels", "Volumes", "Healthcheck"]), JSON),
)
def test_hostile_configs_are_read_or_refused(document: dict[str, Any], config: dict[str, Any]) -> None:
    document = {"rootfs": {"diff_ids": [A]}, **document, "config": config}
    try:
        image = read_image("sha256:i", json.dumps(document).encode())
    except CorruptData as error:
        assert "sha256:i" in str(error)
        return
    assert all(isinstance(entry, str) for entry in image.config.env)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"\xff", b'{"rootfs": {"diff_ids": ["../../etc"]}}'])
def test_what_is_no_config(raw: bytes) -> None:
    with pytest.raises(CorruptData):
        read_image("sha256:i", raw)
