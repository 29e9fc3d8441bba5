"""An image's config: what is written is what is read, and what the base had stays."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.api.container import ContainerConfig, HealthcheckConfig
from ck.kernel.api.image import HistoryEntry
from ck.kernel.drivers.digest import sha256_digest
from ck.kernel.engine.image_config import read_image
from ck.kernel.engine.image_write import write_image

texts = st.text(min_size=1, max_size=8)
lists = st.lists(texts, max_size=3).map(tuple)
commands = st.none() | st.lists(texts, min_size=1, max_size=3).map(tuple)
moments = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))
configs = st.builds(
    ContainerConfig,
    user=st.text(max_size=8),
    env=lists,
    cmd=commands,
    entrypoint=commands,
    working_dir=st.text(max_size=8),
    volumes=lists.map(lambda paths: tuple(sorted(set(paths)))),
    exposed_ports=lists.map(lambda ports: tuple(sorted(set(ports)))),
    labels=st.dictionaries(texts, st.text(max_size=8), max_size=3),
    stop_signal=st.text(max_size=8),
    healthcheck=st.none() | st.builds(HealthcheckConfig, test=lists, interval=st.integers(1, 1 << 40)),
    shell=commands,
    on_build=lists,
)
entries = st.builds(
    HistoryEntry,
    created=st.none() | moments,
    created_by=st.text(max_size=8),
    author=st.text(max_size=8),
    comment=st.text(max_size=8),
    empty_layer=st.booleans(),
)


@given(
    configs, st.lists(entries, max_size=3), st.lists(st.binary(max_size=2), max_size=3), moments, st.text(max_size=8)
)
def test_what_is_written_is_read(
    config: ContainerConfig, history: list[HistoryEntry], layers: list[bytes], created: datetime, author: str
) -> None:
    diff_ids = tuple(sha256_digest(layer) for layer in layers)
    base = {"os": "linux", "architecture": "arm64", "variant": "v8"}
    raw = write_image(base, config, diff_ids=diff_ids, history=history, created=created, author=author)
    image = read_image("sha256:" + "0" * 64, raw)
    assert image.config == config
    assert image.history == tuple(history)
    assert image.diff_ids == diff_ids
    assert (image.created, image.author) == (created, author)
    assert (image.os, image.architecture, image.variant) == ("linux", "arm64", "v8")


def test_what_the_base_says_beyond_that_stays() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    base = {
        "os": "linux",
        "architecture": "amd64",
        "os.features": ["x"],
        "moby.buildkit.cache.v0": "abc",
        "container": "deadbeef",
        "history": [{"created_by": "base", "created": "2020-01-01T00:00:00.123456789Z", "odd": 1}],
        "config": {"Cmd": ["old"]},
    }
    raw = write_image(base, ContainerConfig(cmd=("new",)), diff_ids=[], history=[HistoryEntry()], created=now)
    document = json.loads(raw)
    assert document == {
        "os": "linux",
        "architecture": "amd64",
        "os.features": ["x"],
        "moby.buildkit.cache.v0": "abc",
        "created": "2026-01-02T03:04:05.678901Z",
        "config": {"Cmd": ["new"]},
        "rootfs": {"type": "layers", "diff_ids": []},
        "history": [*base["history"], {}],
    }
