"""Where ld.so looks."""

from ck.plugins.builtin.registry_host._elf import Elf
from ck.plugins.builtin.registry_host._ldso import (
    MUSL_DEFAULT,
    Loaded,
    default_directories,
    expand,
    is_musl,
    is_musl_builtin,
    musl_directories,
    own_paths,
)

AMD64 = ("EM_X86_64", 64)


def loaded(path: str, loader: Loaded | None = None, *, rpath: str = "", runpath: str = "") -> Loaded:
    return Loaded(path, Elf(abi=AMD64, rpath=(rpath,) if rpath else (), runpath=(runpath,) if runpath else ()), loader)


def test_rpath_is_inherited_from_loaders_nearest_first() -> None:
    program = loaded("/bin/a", rpath="/program")
    library = loaded("/lib/b", program, rpath="/library")
    assert list(own_paths("c.so", library)) == ["/library/c.so", "/program/c.so"]


def test_runpath_serves_its_own_file_only() -> None:
    program = loaded("/bin/a", runpath="/program")
    assert list(own_paths("c.so", program)) == ["/program/c.so"]
    assert list(own_paths("c.so", loaded("/lib/b", program))) == []


def test_runpath_turns_off_all_rpath() -> None:
    program = loaded("/bin/a", rpath="/program")
    library = loaded("/lib/b", program, rpath="/ignored", runpath="/library")
    assert list(own_paths("c.so", library)) == ["/library/c.so"]
    both = loaded("/bin/a", rpath="/ignored", runpath="/own")
    assert list(own_paths("c.so", loaded("/lib/b", both, rpath="/library"))) == ["/library/c.so"]


def test_a_path_is_no_name_to_search_for() -> None:
    assert list(own_paths("$ORIGIN/../c.so", loaded("/opt/bin/a", rpath="/x"))) == ["/opt/bin/../c.so"]


def test_tokens_stand_for_what_they_say() -> None:
    program = loaded("/opt/x/bin/a")
    assert list(expand("${ORIGIN}/../lib", program)) == ["/opt/x/bin/../lib"]
    assert "/opt/x/bin/../lib/x86_64-linux-gnu" in expand("$ORIGIN/../$LIB", program)
    assert list(expand("/p/$PLATFORM", program)) == ["/p/x86_64"]
    assert list(expand("/$OTHER/", program)) == ["/$OTHER/"]


def test_a_directory_named_like_a_token_is_not_expanded_again() -> None:
    assert list(expand("$ORIGIN/lib", loaded("/opt/$ORIGIN/a"))) == ["/opt/$ORIGIN/lib"]


def test_multiarch_comes_before_the_plain_directories() -> None:
    assert default_directories(AMD64)[0] == "/lib/x86_64-linux-gnu"
    assert "/lib64" not in default_directories(("EM_386", 32))
    assert default_directories(("EM_68K", 32)) == ("/lib", "/usr/lib")


def test_musl_has_its_own_rules() -> None:
    assert is_musl("/lib/ld-musl-x86_64.so.1") and not is_musl("/lib64/ld-linux-x86-64.so.2")
    assert is_musl_builtin("libc.musl-x86_64.so.1") and is_musl_builtin("libpthread.so.0")
    assert not is_musl_builtin("libcrypto.so.3")
    assert musl_directories(None) == MUSL_DEFAULT
    assert musl_directories(b"/a:/b\n/c\n") == ("/a", "/b", "/c")
