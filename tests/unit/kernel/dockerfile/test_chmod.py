"""--chmod, against chmod(1) itself."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ck.kernel.dockerfile.chmod import Chmod
from ck.kernel.dockerfile.errors import DockerfileError

permissions = st.one_of(
    st.sampled_from("ugo"), st.lists(st.sampled_from("rwxXst"), unique=True, max_size=4).map("".join)
)
actions = st.builds(lambda operator, letters: operator + letters, st.sampled_from("-+="), permissions)
users = st.lists(st.sampled_from("ugoa"), unique=True, max_size=3).map("".join)
clauses = st.builds(lambda who, what: who + "".join(what), users, st.lists(actions, min_size=1, max_size=2))
symbolic = st.lists(clauses, min_size=1, max_size=3).map(",".join)


@settings(max_examples=300)
@given(symbolic, st.integers(0, 0o7777), st.booleans())
@example("u=rwX,go=rX", 0o600, False)
@example("u=rwX,go=rX", 0o700, True)
@example("a=", 0o7777, True)
def test_as_chmod_does(tmp_path_factory: pytest.TempPathFactory, text: str, mode: int, directory: bool) -> None:
    path = _fresh(tmp_path_factory.getbasetemp() / "chmod", directory=directory)
    path.chmod(mode)
    subprocess.run(["chmod", "--", text, path], check=True, umask=0)
    assert oct(Chmod.parse(text).apply(mode, directory=directory)) == oct(path.stat().st_mode & 0o7777)


def _fresh(path: Path, *, directory: bool) -> Path:
    if path.is_dir():
        path.rmdir()
    path.unlink(missing_ok=True)
    path.mkdir() if directory else path.touch()
    return path


@given(st.integers(0, 0o7777), st.integers(0, 0o7777), st.booleans())
def test_octal_is_the_mode(wanted: int, mode: int, directory: bool) -> None:
    chmod = Chmod.parse(f"{wanted:o}")
    assert chmod.mode == chmod.apply(mode, directory=directory) == wanted


@pytest.mark.parametrize("text", ["", "8", "77777", "u", "u=rwz", "u=rw,", "u=ug", "u=rwx;g=r", "=u=rw,x"])
def test_what_is_no_mode(text: str) -> None:
    with pytest.raises(DockerfileError, match="invalid chmod parameter"):
        Chmod.parse(text)
