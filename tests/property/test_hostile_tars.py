"""Laws of unpacking: nothing outside the target is created, changed or read; and all storage drivers agree."""

import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import trio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ck.kernel.archive.extract import extract
from ck.kernel.archive.layers import CopiedTree, OverlayLayer, Tree
from ck.kernel.archive.stage import opened
from ck.kernel.drivers.storage import Layer, StorageDriver
from ck.kernel.engine.rootview import in_root
from ck.kernel.errors import CkError, CorruptData, Unsupported
from ck.kernel.testing.storage import CAPABILITY
from ck.kernel.testing.trees import Item, Seen, directory, snapshot, symlink, tar_of
from ck.plugins.builtin.storage_erofs.driver import ErofsStorage
from ck.plugins.builtin.storage_overlay.driver import OverlayStorage
from ck.plugins.builtin.storage_vfs.driver import VfsStorage
from tests.support.erofs_tools import complaints

pytestmark = pytest.mark.root

SECRET = b"nobody may read this"
LISTS = [
    bytes.fromhex(f"02000000 0100060000000000 {entries} 2000000000000000")
    for entries in ("0400040000000000", "0200040005000000 0400040000000000 1000040000000000")
]
LISTS += [LISTS[1][:-1], LISTS[0][:4], b"?", b"none"]
"""Access control lists (acl(5)) as attributes hold them: one that says no more than a mode, one with a named user, and
some that are none."""
TREES: dict[str, Callable[[int], Tree]] = {
    "plain": Tree,
    "overlay": lambda root: OverlayLayer(root, ()),
    "copied": CopiedTree,
}

components = st.sampled_from(
    ["a", "b", "c", "..", ".", "", "outside", "secret", ".wh.a", ".wh..wh..opq", ".wh...", "x" * 256]
)
hostile_names = st.tuples(st.sampled_from(["", "/", "./", "../"]), st.lists(components, min_size=1, max_size=5)).map(
    lambda name: name[0] + "/".join(name[1])
)
hostile_targets = hostile_names | st.sampled_from(
    ["/", "..", "../outside", "/proc/self/root", "/proc/self/cwd", "a/../.."]
)
types = st.sampled_from(
    [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, b"?"]
)
hostile_items = st.builds(
    Item,
    name=hostile_names,
    type=types,
    content=st.just(b"") | st.binary(max_size=3),
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 3),
    link=hostile_targets,
    device=st.tuples(st.integers(0, 2), st.integers(0, 3)),
).map(
    lambda item: (
        item
        if item.type == tarfile.REGTYPE
        else Item(name=item.name, type=item.type, mode=item.mode, link=item.link, device=item.device)
    )
)

plain_names = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)
whiteouts = st.tuples(plain_names, st.sampled_from([".wh.a", ".wh.b", ".wh..wh..opq"])).map("/".join) | st.sampled_from(
    [".wh.a", ".wh..wh..opq"]
)
layer_items = st.one_of(
    st.builds(Item, name=plain_names, content=st.binary(max_size=3), mode=st.sampled_from([0o644, 0o4755])),
    st.builds(
        Item,
        name=plain_names,
        type=st.just(tarfile.DIRTYPE),
        mode=st.sampled_from([0o755, 0o700]),
        uid=st.integers(0, 2),
        xattrs=st.sampled_from([{}, {"user.x": b"1"}]),
    ),
    st.builds(
        Item,
        name=plain_names,
        type=st.just(tarfile.SYMTYPE),
        mode=st.just(0o777),
        link=plain_names | st.sampled_from(["/", "..", "../a", "/b", "/a/b", "."]),
    ),
    st.builds(Item, name=plain_names, type=st.just(tarfile.LNKTYPE), link=plain_names),
    st.builds(Item, name=plain_names, type=st.just(tarfile.FIFOTYPE)),
    st.builds(Item, name=whiteouts),
)


@pytest.mark.parametrize("kind", TREES)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(items=st.lists(hostile_items, min_size=1, max_size=8))
def test_nothing_outside_the_target_is_touched(kind: str, items: list[Item]) -> None:
    cage = Path(tempfile.mkdtemp(prefix="ck-cage-"))
    try:
        outside = cage / "outside"
        outside.mkdir()
        (outside / "secret").write_bytes(SECRET)
        (cage / "secret").write_bytes(SECRET)
        target = cage / "a" / "target"
        target.mkdir(parents=True)
        before = _outside(cage)
        with opened(target) as root:
            try:
                extract(io.BytesIO(tar_of(items)), root, tree=TREES[kind](root))
            except CkError as error:
                assert str(error)
            inside = snapshot(root)
        assert _outside(cage) == before
        assert all(SECRET not in seen.content for seen in inside.values())
    finally:
        shutil.rmtree(cage)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=2048), flips=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=4))
def test_garbage_is_corrupt_data_or_harmless(data: bytes, flips: list[tuple[int, int]]) -> None:
    content = bytearray(tar_of([Item(name="a", content=data, xattrs={"user.x": b"y"}), Item(name="b/c")]))
    for at, value in flips:
        content[at % len(content)] = value
    target = Path(tempfile.mkdtemp(prefix="ck-garbage-"))
    try:
        with opened(target) as root:
            try:
                extract(io.BytesIO(bytes(content)), root)
            except CkError as error:
                assert str(error)
    finally:
        shutil.rmtree(target)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@example(
    stack=[
        [directory("a/"), directory("c/"), symlink("b", "a")],
        [Item(name="b/x"), symlink("b", "c"), Item(name="b/y")],
    ]
)
@example(stack=[[directory("a/d/"), symlink("b", "a")], [Item(name="b/d/x"), directory("b/"), Item(name="b/d/y")]])
@example(stack=[[directory("a/"), symlink("b", "a")], [Item(name="b/x"), Item(name="b"), Item(name="b/y")]])
@example(stack=[[symlink("c", "/")], [Item(name="c/c")]])
@example(stack=[[symlink("a", "../a"), Item(name="a/.wh.a")]])
@example(stack=[[symlink("b", "/"), directory("b/a/"), symlink("a", "a")]])
@example(stack=[[Item(name="a"), Item(name="b/c")], [Item(name="b/d"), Item(name=".wh..wh..opq"), Item(name="a/e")]])
@given(stack=st.lists(st.lists(layer_items, min_size=1, max_size=6), min_size=1, max_size=4))
def test_the_drivers_give_the_same_tree(stack: list[list[Item]]) -> None:
    overlay, vfs, erofs = _trees(stack, OverlayStorage, VfsStorage, ErofsStorage)
    assert overlay == vfs
    assert overlay == erofs


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(stack=st.lists(st.lists(hostile_items, min_size=1, max_size=6), min_size=1, max_size=3))
def test_what_unpacking_refuses_is_refused_as_an_image(stack: list[list[Item]]) -> None:
    overlay, erofs = _trees(stack, OverlayStorage, ErofsStorage)
    assert overlay == erofs


attributes = st.sampled_from(
    [
        *(("security.capability", value) for value in (CAPABILITY, CAPABILITY[:12], CAPABILITY + bytes(4))),
        *((f"system.posix_acl_{kind}", value) for kind in ("access", "default") for value in LISTS),
        *((f"{name}overlay.opaque", b"y") for name in ("trusted.", "user.")),
        *((name, b"1") for name in ("user.x", "user.", "trusted.x", "security.x", "system.x", "odd.x", "odd")),
        ("trusted." + "n" * 250, b"1"),
    ]
)
with_attributes = st.builds(
    Item,
    name=st.sampled_from(["a", "b"]),
    type=st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE]),
    mode=st.sampled_from([0o640, 0o755, 0o600]),
    link=st.just("target"),
    xattrs=st.lists(attributes, max_size=2).map(dict),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(items=st.lists(with_attributes, min_size=1, max_size=2))
def test_attributes_are_kept_left_out_and_refused_alike(items: list[Item]) -> None:
    overlay, erofs = _trees([items], OverlayStorage, ErofsStorage)
    assert overlay == erofs


def _trees(
    stack: Sequence[Sequence[Item]], *drivers: Callable[..., StorageDriver]
) -> list[tuple[list[bool], dict[str, Seen]]]:
    root = Path(tempfile.mkdtemp(prefix="ck-stack-"))
    try:
        seen = [trio.run(_apply_all, make(sync=False), root / make.__name__, stack) for make in drivers]
        for image in root.glob("ErofsStorage/layers/*/image"):
            assert not complaints(image)
        return seen
    finally:
        shutil.rmtree(root)


async def _apply_all(
    driver: StorageDriver, root: Path, stack: Sequence[Sequence[Item]]
) -> tuple[list[bool], dict[str, Seen]]:
    """Which layers were taken, each on top of the last that was, and the tree of a container on the uppermost."""
    await driver.open(root)
    try:
        taken = []
        parent = None
        for number, items in enumerate(stack):
            chain_id = f"sha256:{number:064}"
            try:
                await driver.apply(Layer(chain_id=chain_id, diff_id=chain_id, parent=parent), io.BytesIO(tar_of(items)))
            except (CorruptData, Unsupported):
                taken.append(False)
            else:
                taken.append(True)
                parent = chain_id
        await driver.create("ck", parent)
        assert await driver.changes("ck") == []
        return taken, await in_root(await driver.mounts("ck", discard=True), (), snapshot)
    finally:
        await driver.close()


def _outside(cage: Path) -> dict[str, tuple[int, ...]]:
    """All that is not in the target, with times and link counts."""
    found: dict[str, tuple[int, ...]] = {}
    for folder, names, files in os.walk(cage):
        if folder.endswith("/a"):
            names.clear()
        for name in (".", *files):
            status = os.lstat(os.path.join(folder, name))
            found[os.path.join(folder, name)] = (
                status.st_ino,
                status.st_mode,
                status.st_uid,
                status.st_nlink,
                status.st_mtime_ns,
                status.st_ctime_ns,
            )
    return found
