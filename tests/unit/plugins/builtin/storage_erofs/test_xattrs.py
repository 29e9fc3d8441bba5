"""Which attributes a layer keeps, and which the kernel would not have taken."""

import pytest

from ck.kernel.archive.entry import Entry, Kind
from ck.kernel.errors import CorruptData
from ck.plugins.builtin.storage_erofs._acl import ACCESS, DEFAULT, valid_acl
from ck.plugins.builtin.storage_erofs._xattrs import MAX_BODY, encode, kept

# user::rw-, user:5:r--, group::r--, mask::r--, other::---
LIST = bytes.fromhex("02000000 0100060000000000 0200040005000000 0400040000000000 1000040000000000 2000000000000000")
MINIMAL = bytes.fromhex("02000000 0100060000000000 0400040000000000 2000000000000000")


@pytest.mark.parametrize(
    ("kind", "name", "stays"),
    [
        (Kind.FILE, b"user.x", True),
        (Kind.DIRECTORY, b"user.x", True),
        (Kind.SYMLINK, b"user.x", False),
        (Kind.FIFO, b"user.x", False),
        (Kind.SYMLINK, b"trusted.x", True),
        (Kind.FIFO, b"security.selinux", True),
        (Kind.FILE, b"unheard.of", False),
        (Kind.FILE, b"trusted.overlay.metacopy", False),
        (Kind.FILE, b"user.overlay.opaque", False),
    ],
)
def test_what_the_kernel_has_no_place_for_is_left_out(kind: Kind, name: bytes, stays: bool) -> None:
    assert kept(Entry(b"x", kind, xattrs={name: b"v"})) == ({name: b"v"} if stays else None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"user.", b""),
        (b"trusted." + b"n" * 250, b""),
        (b"user.x", bytes(65536)),
        (b"security.capability", bytes(20)),
        (b"security.capability", bytes.fromhex("00000001") + bytes(8)),
        (b"security.capability", b""),
        (ACCESS, LIST[:-1]),
        (DEFAULT, MINIMAL),
    ],
)
def test_what_the_kernel_refuses_is_refused(name: bytes, value: bytes) -> None:
    with pytest.raises(CorruptData):
        kept(Entry(b"x", xattrs={name: value}))


def test_more_than_an_inode_has_room_for_is_refused() -> None:
    many = {b"user.%d" % number: bytes(60_000) for number in range(MAX_BODY // 60_000 + 1)}
    with pytest.raises(CorruptData, match="more attributes"):
        kept(Entry(b"x", xattrs=many))


def test_lists_go_by_number_and_belong_to_files_and_directories() -> None:
    found = kept(Entry(b"d", Kind.DIRECTORY, 0o640, xattrs={ACCESS: LIST, DEFAULT: MINIMAL}))
    assert found == {ACCESS: LIST, DEFAULT: MINIMAL}
    assert encode({DEFAULT: MINIMAL}) == bytes(12) + b"\x00\x03\x1c\x00" + MINIMAL
    assert kept(Entry(b"l", Kind.SYMLINK, xattrs={ACCESS: LIST})) is None


def test_the_mode_has_the_last_word_on_a_list() -> None:
    assert kept(Entry(b"x", mode=0o640, xattrs={ACCESS: LIST})) == {ACCESS: LIST}
    found = kept(Entry(b"x", mode=0o751, xattrs={ACCESS: LIST}))
    assert found == {ACCESS: LIST[:6] + b"\x07" + LIST[7:30] + b"\x05" + LIST[31:38] + b"\x01" + LIST[39:]}
    assert kept(Entry(b"x", mode=0o640, xattrs={ACCESS: MINIMAL})) is None, "it says what the mode says"


def test_the_opaque_mark_comes_with_any_others() -> None:
    assert encode(None) == b""
    assert encode(None, opaque=True) == bytes(12) + b"\x0e\x04\x01\x00overlay.opaquey\0"


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        (LIST, True),
        (MINIMAL, True),
        (b"\x01" + MINIMAL[1:], False),  # of another version
        (MINIMAL[:-8], False),  # nothing about others
        (MINIMAL[:-1], False),
        (MINIMAL[:4] + MINIMAL[12:] + MINIMAL[4:12], False),  # not in order
        (MINIMAL[:12] + LIST[12:20] + MINIMAL[12:], False),  # a named user needs a mask
        (MINIMAL[:12] + MINIMAL[4:], False),  # the owner twice
        (MINIMAL[:6] + b"\x08" + MINIMAL[7:], False),  # no such permission
        (LIST[:16] + b"\xff" * 4 + LIST[20:], False),  # nobody
    ],
)
def test_lists_are_told_from_what_is_none(value: bytes, valid: bool) -> None:
    assert valid_acl(value) == valid
