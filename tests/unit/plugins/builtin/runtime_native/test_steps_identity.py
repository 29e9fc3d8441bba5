import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.plugins.builtin.runtime_native.child.steps.failure import StepFailed
from ck.plugins.builtin.runtime_native.child.steps.identity import Identity, read_lines, resolve

PASSWD = [
    "root:x:0:0:root:/root:/bin/sh",
    "# a comment",
    "www:x:33:33:www:/var/www:/bin/false",
    "1000:x:7:7::/seven:",
    "broken:x:no:no::/:",
]
GROUP = ["root:x:0:", "www:x:33:", "adm:x:4:www,root", "tape:x:26:www", "", "no:x"]
ROOT = Identity(0, 0, (), "")


def who(user: str, groups: Sequence[str] = (), fallback: Identity = ROOT) -> Identity:
    return resolve(user, groups, fallback, PASSWD, GROUP)


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", Identity(0, 0, (0, 4), "/root")),
        ("root", Identity(0, 0, (0, 4), "/root")),
        ("www", Identity(33, 33, (33, 4, 26), "/var/www")),
        ("33", Identity(33, 33, (33, 4, 26), "/var/www")),
        ("www:adm", Identity(33, 4, (4,), "/var/www")),
        ("www:", Identity(33, 33, (33, 4, 26), "/var/www")),
        ("www:999", Identity(33, 999, (999,), "/var/www")),
        (":adm", Identity(0, 4, (4,), "/root")),
        ("0:0", Identity(0, 0, (0,), "/root")),
        ("4321", Identity(4321, 0, (0,), "")),
        ("4321:1234", Identity(4321, 1234, (1234,), "")),
        ("1000", Identity(7, 7, (7,), "/seven")),  # a name of digits goes before the number
    ],
)
def test_users(user: str, expected: Identity) -> None:
    assert who(user) == expected


def test_further_groups_by_name_and_number() -> None:
    assert who("www", ["adm", "root", "77"]).groups == (33, 4, 26, 0, 77)


def test_the_fallback_is_for_what_is_not_named() -> None:
    fallback = Identity(500, 600, (700,), "")
    assert who("", fallback=fallback) == fallback._replace(groups=(600, 700))
    assert who("www", fallback=fallback) == Identity(33, 33, (33, 700, 4, 26), "/var/www")


@pytest.mark.parametrize(
    ("user", "groups", "message"),
    [
        ("nobody", (), "unable to find user nobody: no matching entries in passwd file"),
        ("broken", (), "unable to find user broken: no matching entries in passwd file"),
        ("root:nogroup", (), "unable to find group nogroup: no matching entries in group file"),
        ("root", ("nogroup",), "unable to find group nogroup: no matching entries in group file"),
        ("4294967296", (), 'user "4294967296" is out of range: the highest number is 2147483647'),
        ("0:99999999999999", (), 'group "99999999999999" is out of range: the highest number is 2147483647'),
        ("-1", (), "unable to find user -1: no matching entries in passwd file"),
    ],
)
def test_errors(user: str, groups: Sequence[str], message: str) -> None:
    with pytest.raises(StepFailed) as failure:
        who(user, groups)
    assert (failure.value.message, failure.value.exit_code) == (message, 125)


@given(st.text(), st.lists(st.text()), st.lists(st.text()))
def test_hostile_files_never_make_root_of_another_user(user: str, passwd: list[str], group: list[str]) -> None:
    try:
        found = resolve(user, (), Identity(9, 9, (), ""), passwd, group)
    except StepFailed:
        return
    assert 0 <= found.uid <= 2**31 - 1
    assert 0 <= found.gid <= 2**31 - 1


def test_only_ordinary_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "passwd").write_bytes(b"a:b\n\xff:c\n")
    assert read_lines(str(tmp_path / "fifo")) == []
    assert read_lines("/dev/zero") == []
    assert read_lines(str(tmp_path / "missing")) == []
    assert read_lines(str(tmp_path / "passwd")) == ["a:b", "\udcff:c"]
