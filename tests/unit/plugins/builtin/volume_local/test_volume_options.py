import pytest

from ck.kernel.errors import InvalidArgument
from ck.kernel.linux import mount as m
from ck.plugins.builtin.volume_local._options import (
    MountRequest,
    check_name,
    check_options,
    mount_request,
    server_of,
    with_server,
)


@pytest.mark.parametrize("name", ["ab", "A0", "my_volume.1-x", "x" * 255])
def test_good_names(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["", "a", "_a", ".a", "a/b", "a\n", "é1", "x" * 256])
def test_bad_names(name: str) -> None:
    with pytest.raises(InvalidArgument, match="volume name"):
        check_name(name)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"size": "1g"}, "size"),
        ({"type": "tmpfs"}, "device"),
        ({"device": "/dev/sda"}, "type"),
        ({"o": "ro"}, "type"),
        ({"o": "ro", "type": "tmpfs"}, "device"),
        ({"type": "tmpfs", "device": ""}, "device"),
    ],
)
def test_bad_options_are_named(options: dict[str, str], named: str) -> None:
    with pytest.raises(InvalidArgument, match=named):
        check_options(options)


def test_a_plain_volume_is_not_mounted() -> None:
    check_options({})
    assert mount_request({}) is None


def test_flags_are_taken_from_the_file_systems_options() -> None:
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,ro,nosuid,nodev,rw,,rshared,uid=7"}
    check_options(options)
    assert mount_request(options) == MountRequest(
        source="tmpfs",
        kind="tmpfs",
        flags=m.MS_NOSUID | m.MS_NODEV,
        propagation=m.MS_SHARED | m.MS_REC,
        data="size=1m,uid=7",
    )


def test_a_servers_name_is_replaced() -> None:
    request = mount_request({"type": "nfs", "device": ":/export", "o": "addr=nas.example,vers=4"})
    assert request is not None
    assert server_of(request) == "nas.example"
    assert with_server(request, "192.0.2.1").data == "addr=192.0.2.1,vers=4"
