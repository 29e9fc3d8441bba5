"""The content store "local": the public checks, and what is its own."""

import os
from pathlib import Path

import pytest
import trio

from ck.kernel.drivers.digest import sha256_digest
from ck.kernel.errors import InvalidArgument
from ck.kernel.testing.content import CHECKS, MakeStore, check_content_store
from ck.plugins.builtin.content_local.driver import STALE_SECONDS, LocalContent
from ck.plugins.builtin.content_local.plugin import ck_register_content, make


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.__name__))
def test_conforms(check: "object", tmp_path: Path) -> None:
    assert callable(check)
    trio.run(check, LocalContent, tmp_path / "store")


def test_all_checks_at_once(tmp_path: Path) -> None:
    store: MakeStore = LocalContent
    trio.run(check_content_store, store, tmp_path)


def test_registers_under_its_name() -> None:
    assert ck_register_content()["local"]({}).name == "local"


def test_unknown_option_is_named() -> None:
    with pytest.raises(InvalidArgument, match="'colour'"):
        make({"colour": "red"})


def test_open_drops_what_cannot_be_resumed(tmp_path: Path) -> None:
    fresh, stale = (f"sha256-{digit * 64}" for digit in "01")
    ingest = tmp_path / "ingest"
    ingest.mkdir()
    for name in (fresh, stale, "add-0123"):
        (ingest / name).write_bytes(b"x")
    old = (ingest / stale).stat().st_mtime - STALE_SECONDS - 60
    os.utime(ingest / stale, (old, old))

    trio.run(LocalContent().open, tmp_path)

    assert [file.name for file in ingest.iterdir()] == [fresh]


def test_cancelled_wait_for_an_ingest_leaves_it_usable(tmp_path: Path) -> None:
    async def main() -> None:
        store = LocalContent()
        await store.open(tmp_path)
        digest = sha256_digest(b"x")
        first = await store.ingest(digest, 1)
        with trio.CancelScope() as scope:
            scope.cancel()
            await store.ingest(digest, 1)
        await first.close()
        await (await store.ingest(digest, 1)).discard()
        assert not list((tmp_path / "ingest").iterdir())

    trio.run(main)
