from pathlib import Path

import pytest
import trio
import trio.testing

from ck.kernel.drivers.log import LogDriver, LogQuery, LogSink
from ck.kernel.errors import InvalidArgument, Unsupported
from ck.kernel.testing.log import check_log_driver, read_log
from ck.plugins.builtin import log_json_file, log_local, log_none

MAKERS = {
    **log_local.ck_register_log(),
    **log_json_file.ck_register_log(),
    **log_none.ck_register_log(),
}
READABLE = pytest.mark.parametrize("name", ["local", "json-file"])


@READABLE
def test_conformance(name: str, tmp_path: Path) -> None:
    trio.run(check_log_driver, MAKERS[name]({}), tmp_path / "log")


def test_defaults_are_dockers() -> None:
    assert MAKERS["local"]({}).sink({}) == LogSink(format="local", max_size=20_000_000, max_files=5)
    assert MAKERS["json-file"]({}).sink({}) == LogSink(format="json-file", max_size=-1, max_files=1)
    assert MAKERS["none"]({}).sink({}) == LogSink(format="none", max_size=-1, max_files=1)


@READABLE
@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("20m", 20_000_000),
        ("10k", 10_000),
        ("10K", 10_000),
        ("1g", 10**9),
        ("3t", 3 * 10**12),
        ("512", 512),
        ("7MB", 7_000_000),
    ],
)
def test_sizes_are_decimal(name: str, text: str, size: int) -> None:
    assert MAKERS[name]({}).sink({"max-size": text, "max-file": "3"}).max_size == size


@READABLE
@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"max-size": "0"}, "0"),
        ({"max-size": "-1"}, "-1"),
        ({"max-size": "lots"}, "lots"),
        ({"max-size": "1k", "max-file": "0"}, "max-file"),
        ({"max-size": "1k", "max-file": "many"}, "many"),
        ({"compress": "maybe"}, "maybe"),
        ({"tag": "x"}, "tag"),
    ],
)
def test_bad_options_are_named(name: str, options: dict[str, str], named: str) -> None:
    with pytest.raises(InvalidArgument, match=named):
        MAKERS[name]({}).sink(options)
    with pytest.raises(InvalidArgument, match=named):
        MAKERS[name](options)


def test_compression() -> None:
    assert MAKERS["local"]({}).sink({"compress": "true"}).format == "local-zlib"
    assert MAKERS["local"]({"compress": True}).sink({"compress": "false"}).format == "local"
    assert MAKERS["json-file"]({}).sink({"compress": "false"}).format == "json-file"
    with pytest.raises(InvalidArgument, match="compress"):
        MAKERS["json-file"]({}).sink({"max-size": "1m", "max-file": "2", "compress": "true"})


def test_a_compressed_log_conforms(tmp_path: Path) -> None:
    trio.run(check_log_driver, MAKERS["local"]({"compress": True}), tmp_path / "log")


def test_files_without_a_size_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="max-size"):
        MAKERS["json-file"]({}).sink({"max-file": "3"})


@READABLE
def test_config_options_are_defaults(name: str) -> None:
    driver = MAKERS[name]({"max-size": "1m", "max-file": 2, "compress": False})
    assert driver.sink({"max-file": "4"}) == LogSink(format=name, max_size=1_000_000, max_files=4)


def test_only_json_file_has_a_path(tmp_path: Path) -> None:
    assert MAKERS["json-file"]({}).path(tmp_path) == tmp_path / "container-json.log"
    assert MAKERS["local"]({}).path(tmp_path) is None
    assert MAKERS["none"]({}).path(tmp_path) is None


def test_none_keeps_nothing(tmp_path: Path) -> None:
    driver: LogDriver = MAKERS["none"]({})
    assert isinstance(driver, LogDriver)
    with pytest.raises(InvalidArgument, match="max-size"):
        driver.sink({"max-size": "1m"})
    with pytest.raises(Unsupported, match="none"):
        trio.run(read_log, driver, tmp_path, LogQuery())


@READABLE
def test_a_follower_stops_at_until(name: str, tmp_path: Path) -> None:
    """Nobody writes and the output does not end: the time alone ends it."""

    async def follow() -> list[bytes]:
        driver, ended = MAKERS[name]({}), trio.Event()
        query = LogQuery(follow=True, until_ns=1)
        return [record.line async for batch in driver.read(tmp_path / "log", query, ended) for record in batch]

    assert trio.run(follow) == []


@READABLE
def test_a_follower_can_be_cancelled(name: str, tmp_path: Path) -> None:
    async def follow(cancelled: trio.CancelScope) -> None:
        driver, ended = MAKERS[name]({}), trio.Event()
        with cancelled:
            async for _ in driver.read(tmp_path / "log", LogQuery(follow=True), ended):
                raise AssertionError("nothing was written")

    async def main() -> None:
        scope = trio.CancelScope()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow, scope)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()

    trio.run(main)
