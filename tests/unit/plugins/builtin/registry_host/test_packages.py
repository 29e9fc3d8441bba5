"""What of a distribution's packages belongs to an interpreter."""

from pathlib import Path

import pytest

from ck.plugins.builtin.registry_host._databases import (
    Apk,
    Dpkg,
    package_manager,
    parse_apk_installed,
    parse_dpkg_status,
    parse_rpm_list,
)
from ck.plugins.builtin.registry_host._host import Host
from ck.plugins.builtin.registry_host._packages import Package, bytecode, program_files, siblings, spellings, wanted

DPKG = """\
Package: python3.11-minimal
Status: install ok installed
Source: python3.11
Description: minimal subset
 Package: not a field

Package: python3.11
Status: install ok installed

Package: libpython3.11-stdlib
Status: hold ok installed
Source: python3.11 (3.11.2-6)

Package: libpython3.11-dev
Status: install ok installed
Source: python3.11

Package: gone
Status: deinstall ok config-files
Source: python3.11
"""

APK = """\
C:Q1x=
P:python3
o:python3
F:usr
F:usr/bin
R:python3.11
a:0:0:755
F:usr/lib/python3.11
R:os.py

P:musl
F:lib
R:ld-musl-x86_64.so.1
"""


def test_dpkg_status() -> None:
    assert parse_dpkg_status(DPKG) == [
        Package("python3.11-minimal", "python3.11"),
        Package("python3.11", "python3.11"),
        Package("libpython3.11-stdlib", "python3.11"),
        Package("libpython3.11-dev", "python3.11"),
    ]


def test_apk_installed() -> None:
    assert parse_apk_installed(APK) == {
        Package("python3", "python3"): ["/usr/bin/python3.11", "/usr/lib/python3.11/os.py"],
        Package("musl", "musl"): ["/lib/ld-musl-x86_64.so.1"],
    }


def test_rpm_list() -> None:
    text = "python3\tpython3.12-3.12.1-2.fc40.src.rpm\npython3-libs\tpython3.12-3.12.1-2.fc40.src.rpm\nkey\t(none)\n"
    assert parse_rpm_list(text) == [
        Package("python3", "python3.12"),
        Package("python3-libs", "python3.12"),
        Package("key", "key"),
    ]


def test_siblings_are_of_one_source_but_for_development() -> None:
    packages = parse_dpkg_status(DPKG)
    assert siblings("python3.11-minimal", packages) == ["libpython3.11-stdlib", "python3.11", "python3.11-minimal"]


def test_the_owner_is_taken_whatever_it_is_called() -> None:
    assert siblings("x-dev", [Package("x-dev", "x"), Package("x-doc", "x")]) == ["x-dev"]
    assert siblings("unknown", []) == ["unknown"]


@pytest.mark.parametrize(
    "path",
    [
        "/usr/lib/python3.11/os.py",
        "/usr/lib/python3.11/lib-dynload/_ssl.cpython-311-x86_64-linux-gnu.so",
        "/usr/lib/python3.11/unittest/case.py",
        "/usr/share/perl/5.36.0/Test/More.pm",
        "/etc/python3.11/sitecustomize.py",
    ],
)
def test_the_library_is_wanted(path: str) -> None:
    assert wanted(path)


@pytest.mark.parametrize(
    "path",
    [
        "/usr/share/man/man1/python3.11.1.gz",
        "/usr/share/doc/python3.11/copyright",
        "/usr/include/python3.11/Python.h",
        "/usr/bin/pydoc3.11",
        "/usr/lib/python3.11/unittest/test/test_case.py",
        "/usr/lib/python3.11/config-3.11-x86_64-linux-gnu/Makefile",
        "/usr/lib/libpython3.11.a",
        "/usr/lib/python3/dist-packages/apt.py",
    ],
)
def test_the_rest_is_not(path: str) -> None:
    assert not wanted(path)


def test_a_file_has_two_spellings_where_bin_is_a_link() -> None:
    assert set(spellings("/usr/bin/sh")) == set(spellings("/bin/sh")) == {"/usr/bin/sh", "/bin/sh"}
    assert spellings("/opt/bin/x") == ("/opt/bin/x",)


def test_compiled_modules_lie_beside_their_source() -> None:
    assert list(bytecode(["/l/os.py", "/l/x.so"])) == [("/l/__pycache__", "os.")]


def test_the_files_of_an_interpreter_by_dpkg(tmp_path: Path) -> None:
    info = tmp_path / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(DPKG)
    (info / "python3.11-minimal.list").write_text("/.\n/bin\n/bin/python3.11\n/usr/share/doc/python3.11/copyright\n")
    (info / "libpython3.11-stdlib:amd64.list").write_text("/usr/lib/python3.11/json/__init__.py\n")
    (info / "libpython3.11-dev:amd64.list").write_text("/usr/lib/libpython3.11.so\n")
    manager = package_manager(Host(str(tmp_path)))
    assert isinstance(manager, Dpkg)
    found = program_files(manager, "/usr/bin/python3.11")
    assert found == ["/usr/lib/python3.11/json/__init__.py", "/.", "/bin"]
    assert program_files(manager, "/usr/bin/python3") is None


def test_the_files_of_an_interpreter_by_apk(tmp_path: Path) -> None:
    (tmp_path / "lib/apk/db").mkdir(parents=True)
    (tmp_path / "lib/apk/db/installed").write_text(APK)
    manager = package_manager(Host(str(tmp_path)))
    assert isinstance(manager, Apk)
    assert program_files(manager, "/usr/bin/python3.11") == ["/usr/lib/python3.11/os.py"]
    assert program_files(manager, "/opt/python") is None
