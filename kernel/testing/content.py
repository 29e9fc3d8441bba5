"""What every content store must do. Usable without pytest: `trio.run(check_content_store, make, directory)`.

A check that fails raises AssertionError with a sentence that says what the store did.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import trio
import trio.testing

from ck.kernel.drivers.content import BlobInfo, ContentStore
from ck.kernel.drivers.digest import sha256_digest
from ck.kernel.errors import CkError, CorruptData, InvalidArgument, NotFound

MakeStore = Callable[[], ContentStore]
WAIT_SECONDS: Final = 5.0


async def check_content_store(make: MakeStore, directory: Path) -> None:
    """Run all checks, each in a directory of its own below *directory*."""
    for check in CHECKS:
        await check(make, directory / check.__name__)


async def check_small_blobs(make: MakeStore, root: Path) -> None:
    """`add`, `read`, `path`, `has`, `blobs` and `remove` agree, also in a second store on the same directory."""
    store = await _opened(make, root)
    _expect(isinstance(store, ContentStore), "it is no ContentStore")
    digest = await store.add(b"content")
    _expect(digest == sha256_digest(b"content"), f"add returned {digest}")
    _expect(await store.add(b"content") == digest, "adding a blob again is no success")
    await store.close()
    again = await _opened(make, root)
    _expect(await again.has(digest), "a blob is gone after close and open")
    _expect(await again.read(digest) == b"content", "read returned other bytes than were added")
    _expect((await again.path(digest)).read_bytes() == b"content", "the file at path has other bytes")
    _expect(list(await again.blobs()) == [BlobInfo(digest=digest, size=7)], "blobs does not list what is there")
    await again.remove(digest)
    await again.remove(digest)
    _expect(not await again.has(digest), "a removed blob is there")
    await _raises(NotFound, again.read, digest)
    await _raises(NotFound, again.path, digest)


async def check_digests(make: MakeStore, root: Path) -> None:
    """A malformed digest is refused everywhere, so that none becomes a path."""
    store = await _opened(make, root)
    for digest in (
        "",
        "sha256:",
        "sha256:../../etc/passwd",
        "md5:" + "0" * 32,
        "sha256:" + "A" * 64,
        "sha256:" + "0" * 63,
    ):
        for method in (store.has, store.read, store.path, store.remove):
            await _raises(InvalidArgument, method, digest)
        await _raises(InvalidArgument, store.ingest, digest, None)


async def check_ingest(make: MakeStore, root: Path) -> None:
    """Bytes are readable while they arrive; a commit makes a blob of them."""
    store = await _opened(make, root)
    digest = sha256_digest(b"onetwo")
    ingest = await store.ingest(digest, 6)
    _expect(ingest.offset == 0, f"a new ingest begins at {ingest.offset}")
    ingest.write(b"one")
    _expect(ingest.offset == 3 and ingest.path.read_bytes() == b"one", "written bytes are not in the file")
    _expect(not await store.has(digest), "half a blob counts as one")
    ingest.write(b"two")
    await ingest.commit()
    await ingest.close()
    _expect(await store.read(digest) == b"onetwo", "the committed blob has other bytes")


async def check_resume(make: MakeStore, root: Path) -> None:
    """What was written before a crash (no close) or a close is there for the next ingest of the digest."""
    digest = sha256_digest(b"onetwothree")
    crashed = await (await _opened(make, root)).ingest(digest, 11)
    crashed.write(b"one")
    store = await _opened(make, root)
    ingest = await store.ingest(digest, 11)
    _expect(ingest.offset == 3, f"an ingest after a crash begins at {ingest.offset}, not at 3")
    ingest.write(b"two")
    _expect(list(await store.partials()) == [], "a download that somebody is at counts as broken off")
    await store.remove_partial(digest)
    await ingest.close()
    _expect(list(await store.partials()) == [BlobInfo(digest=digest, size=6)], "partials does not list what is there")
    ingest = await store.ingest(digest, 11)
    _expect(ingest.offset == 6, f"an ingest after close begins at {ingest.offset}, not at 6")
    ingest.write(b"three")
    await ingest.commit()
    _expect(await store.has(digest), "a resumed blob is not there")
    other = sha256_digest(b"other")
    ingest = await store.ingest(other, 5)
    ingest.write(b"ot")
    await ingest.close()
    await store.remove_partial(other)
    await store.remove_partial(other)
    _expect(list(await store.partials()) == [], "a download that was dropped is there")
    ingest = await store.ingest(other, 5)
    _expect(ingest.offset == 0, "a download that was dropped is gone on with")
    await ingest.discard()


async def check_corrupt(make: MakeStore, root: Path) -> None:
    """Wrong bytes are refused, and nothing is kept of them."""
    store = await _opened(make, root)
    digest = sha256_digest(b"right")
    ingest = await store.ingest(digest, 5)
    ingest.write(b"wrong")
    await _raises(CorruptData, ingest.commit)
    _expect(not await store.has(digest), "a blob with a wrong digest was kept")
    ingest = await store.ingest(digest, 5)
    _expect(ingest.offset == 0, "the bytes of a blob with a wrong digest were kept")
    ingest.write(b"too long")
    await ingest.close()
    ingest = await store.ingest(digest, 5)
    _expect(ingest.offset == 0, "more bytes than the blob has were kept")
    await ingest.discard()
    kept = await store.add(b"kept")
    (await store.path(kept)).write_bytes(b"lost")
    await _raises(CorruptData, store.read, kept)


async def check_keep(make: MakeStore, root: Path) -> None:
    """What a caller has checked becomes a blob."""
    store = await _opened(make, root)
    digest = sha256_digest(b"checked")
    ingest = await store.ingest(digest, 7)
    ingest.write(b"checked")
    await ingest.keep()
    await ingest.close()
    _expect(await store.read(digest) == b"checked", "a kept blob has other bytes")
    await (await store.ingest(digest, 7)).discard()
    _expect(await store.has(digest), "a later ingest took the blob away")


async def check_drafts(make: MakeStore, root: Path) -> None:
    """A blob that is made here gets its digest at the end; one that is not finished leaves nothing."""
    store = await _opened(make, root)
    for _ in range(2):  # the second time it is there already
        draft, other = await store.draft(), await store.draft()
        _expect(draft.write(b"made ") == 5 and draft.write(memoryview(b"here")) == 4, "write returned other lengths")
        _expect(draft.path.read_bytes() == b"made here", "what is written cannot be read yet")
        other.write(b"never finished")
        info = await draft.finish()
        _expect(info == BlobInfo(digest=sha256_digest(b"made here"), size=9), f"finish returned {info}")
        _expect(draft.path.read_bytes() == b"made here", "what is finished cannot be read")
        await draft.commit()
        await draft.discard()
        await other.discard()
        await other.discard()
        _expect(await store.read(info.digest) == b"made here", "a committed draft has other bytes")
        _expect(list(await store.blobs()) == [info], "a draft that was not finished is a blob")
    (await store.draft()).write(b"crashed")
    again = await _opened(make, root)
    _expect(_files(root) == 1 and list(await again.blobs()) == [info], "a crash left a part of a blob")


async def check_one_ingest_at_a_time(make: MakeStore, root: Path) -> None:
    """A second ingest of a digest waits for the first to end, however that ends; other digests do not wait."""
    store = await _opened(make, root)
    digest = sha256_digest(b"blob")
    for end in ("commit", "discard", "close"):
        first = await store.ingest(digest, 4)
        first.write(b"blob")
        with trio.move_on_after(WAIT_SECONDS) as scope:
            await (await store.ingest(sha256_digest(b"other"), 5)).discard()
        _expect(not scope.cancelled_caught, "an ingest of another digest waits")
        order: list[str] = []

        async def second(order: list[str] = order) -> None:
            ingest = await store.ingest(digest, 4)
            order.append("second")
            await ingest.discard()

        with trio.fail_after(WAIT_SECONDS):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(second)
                await trio.testing.wait_all_tasks_blocked()
                order.append("first")
                await getattr(first, end)()
        _expect(order == ["first", "second"], f"a second ingest did not wait for the {end} of the first")
        await store.remove(digest)


CHECKS: Final[tuple[Callable[[MakeStore, Path], Awaitable[None]], ...]] = (
    check_small_blobs,
    check_digests,
    check_ingest,
    check_resume,
    check_corrupt,
    check_keep,
    check_drafts,
    check_one_ingest_at_a_time,
)


def _files(root: Path) -> int:
    return sum(path.is_file() for path in root.rglob("*"))


async def _opened(make: MakeStore, root: Path) -> ContentStore:
    store = make()
    await store.open(root)
    return store


def _expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise AssertionError(f"content store: {otherwise}")


async def _raises(kind: type[CkError], call: Callable[..., Awaitable[object]], *arguments: object) -> None:
    try:
        await call(*arguments)
    except kind:
        return
    name = getattr(call, "__name__", repr(call))
    raise AssertionError(f"content store: {name}{arguments} does not raise {kind.__name__}")
