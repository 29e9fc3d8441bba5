import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.plugins.builtin.runtime_native.child.steps.failure import StepFailed
from ck.plugins.builtin.runtime_native.child.steps.program import Kind, find, interpreter_of

FILES = {
    "/bin/ls": Kind.EXECUTABLE,
    "/usr/bin/ls": Kind.EXECUTABLE,
    "/bin/data": Kind.PLAIN,
    "/usr/bin/data": Kind.EXECUTABLE,
    "/bin/dir": Kind.DIRECTORY,
    "/etc/passwd": Kind.PLAIN,
    "./here": Kind.EXECUTABLE,
}


def look(path: str) -> Kind:
    return FILES.get(path, Kind.MISSING)


@pytest.mark.parametrize(
    ("name", "search", "expected"),
    [
        ("ls", "/bin:/usr/bin", "/bin/ls"),
        ("ls", "/nosuch:/usr/bin:/bin", "/usr/bin/ls"),
        ("data", "/bin:/usr/bin", "/usr/bin/data"),
        ("here", "/bin::/usr/bin", "./here"),
        ("/bin/ls", "", "/bin/ls"),
        ("./here", "", "./here"),
    ],
)
def test_found(name: str, search: str, expected: str) -> None:
    assert find(name, search, look) == expected


@pytest.mark.parametrize(
    ("name", "search", "message", "code"),
    [
        ("foo", "/bin", 'exec: "foo": not found in $PATH of the image', 127),
        ("ls", "", 'exec: "ls": not found in $PATH of the image', 127),
        ("", "/bin", 'exec: "": not found in $PATH of the image', 127),
        ("dir", "/bin", 'exec: "dir": not found in $PATH of the image', 127),
        ("data", "/bin", 'exec: "/bin/data": permission denied', 126),
        ("/x/y", "/bin", 'exec: "/x/y": no such file or directory', 127),
        ("/etc/passwd", "/bin", 'exec: "/etc/passwd": permission denied', 126),
        ("/bin/dir", "/bin", 'exec: "/bin/dir": is a directory', 126),
    ],
)
def test_not_found(name: str, search: str, message: str, code: int) -> None:
    with pytest.raises(StepFailed) as failure:
        find(name, search, look)
    assert (failure.value.message, failure.value.exit_code) == (message, code)


def elf(interpreter: bytes) -> bytes:
    header = b"\x7fELF\x02\x01".ljust(32, b"\0") + struct.pack("<Q", 64)
    header = header.ljust(54, b"\0") + struct.pack("<HH", 56, 1)
    table = struct.pack("<IIQQQQ", 3, 4, 120, 0, 0, len(interpreter))
    return header.ljust(64, b"\0") + table.ljust(56, b"\0") + interpreter


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"#!/bin/sh -e\nx", "/bin/sh"),
        (b"#! /usr/bin/env python3\n", "/usr/bin/env"),
        (b"#!\n", ""),
        (b"", ""),
        (elf(b"/lib64/ld.so\0"), "/lib64/ld.so"),
        (elf(b"")[:70], ""),
    ],
)
def test_interpreters(head: bytes, expected: str) -> None:
    assert interpreter_of(head) == expected


@given(st.binary())
def test_no_file_confuses_it(head: bytes) -> None:
    interpreter_of(head)
    interpreter_of(b"\x7fELF\x02\x01" + head)
