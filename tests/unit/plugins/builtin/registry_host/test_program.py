"""Programs in $PATH, and what the first line of a script says."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.errors import NotFound
from ck.plugins.builtin.registry_host._host import Host
from ck.plugins.builtin.registry_host._program import behind_env, find, shebang


def program(root: Path, path: str, mode: int = 0o755) -> None:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("#!/bin/sh\n")
    file.chmod(mode)


def test_the_first_executable_file_in_path_wins(tmp_path: Path) -> None:
    program(tmp_path, "/a/tool", mode=0o644)
    (tmp_path / "b" / "tool").mkdir(parents=True)
    program(tmp_path, "/c/tool")
    program(tmp_path, "/d/tool")
    assert find(Host(str(tmp_path)), "tool", ["relative", "/none", "/a", "/b", "/c/", "/d"]) == "/c/tool"


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r'^no program "tool" in \$PATH of this machine$'):
        find(Host(str(tmp_path)), "tool", ["/bin"])


def test_a_shim_of_a_version_manager_stands_for_the_chosen_version(tmp_path: Path) -> None:
    program(tmp_path, "/env/shims/tool")
    program(tmp_path, "/env/versions/2.0/bin/tool")
    (tmp_path / "env/version").write_text("1.0\n2.0\n")
    assert find(Host(str(tmp_path)), "tool", ["/env/shims", "/bin"]) == "/env/versions/2.0/bin/tool"


def test_a_shim_without_a_version_stands_for_the_next_in_path(tmp_path: Path) -> None:
    program(tmp_path, "/env/shims/tool")
    (tmp_path / "env/version").write_text("system\n")
    program(tmp_path, "/bin/tool")
    assert find(Host(str(tmp_path)), "tool", ["/env/shims", "/bin"]) == "/bin/tool"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"#!/bin/sh\n", ("/bin/sh",)),
        (b"#! /bin/sh -e  \nx", ("/bin/sh", "-e")),
        (b"#!/usr/bin/env -S python3 -I\n", ("/usr/bin/env", "-S python3 -I")),
        (b"#!\n", ()),
        (b"\x7fELF", ()),
        (b"", ()),
    ],
)
def test_shebang(line: bytes, words: tuple[str, ...]) -> None:
    assert shebang(line) == words


@given(st.binary())
def test_shebang_of_anything_has_at_most_one_argument(head: bytes) -> None:
    assert len(shebang(head)) <= 2


@pytest.mark.parametrize(
    ("interpreter", "program"),
    [
        (("/usr/bin/env", "python3"), "python3"),
        (("/usr/bin/env", "-S A=1 python3 -I"), "python3"),
        (("/usr/bin/env", "-S"), None),
        (("/usr/bin/env",), None),
        (("/bin/sh", "-e"), None),
    ],
)
def test_what_env_looks_up(interpreter: tuple[str, ...], program: str | None) -> None:
    assert behind_env(interpreter) == program
