"""Options of the host's side."""

from pathlib import Path

import pytest

from ck.cli.options.host import (
    parse_device,
    parse_host,
    parse_network,
    parse_security,
    parse_ulimit,
)


def test_ulimits() -> None:
    assert parse_ulimit("nofile=1024:2048") == {"Name": "nofile", "Soft": 1024, "Hard": 2048}
    assert parse_ulimit("core=-1") == {"Name": "core", "Soft": -1, "Hard": -1}
    assert parse_ulimit("core=0:unlimited") == {"Name": "core", "Soft": 0, "Hard": -1}
    for text in ("nofile", "nofile=x", "=1", "nofile=2:1", "nofile=-1:5"):
        with pytest.raises(ValueError, match="ulimit"):
            parse_ulimit(text)


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("/dev/fuse", ("/dev/fuse", "/dev/fuse", "rwm")),
        ("/dev/fuse:r", ("/dev/fuse", "/dev/fuse", "r")),
        ("/dev/a:/dev/b", ("/dev/a", "/dev/b", "rwm")),
        ("/dev/a:/dev/b:rw", ("/dev/a", "/dev/b", "rw")),
    ],
)
def test_devices(text: str, device: tuple[str, str, str]) -> None:
    assert tuple(parse_device(text).values()) == device


@pytest.mark.parametrize("text", ["", "/a:b", "/a:/b:rx", "/a:/b:rw:/c"])
def test_malformed_devices(text: str) -> None:
    with pytest.raises(ValueError, match="invalid device specification"):
        parse_device(text)


def test_hosts() -> None:
    assert parse_host("a:1.2.3.4") == "a:1.2.3.4"
    assert parse_host("a=::1") == "a:::1"
    assert parse_host("a:[::1]") == "a:::1"
    assert parse_host("a:host-gateway") == "a:host-gateway"
    for text in ("a", "a:", ":1.2.3.4", "a:1.2.3"):
        with pytest.raises(ValueError, match=r"bad format|invalid IP"):
            parse_host(text)


def test_networks() -> None:
    assert parse_network("container:x") == ("container:x", {})
    assert parse_network("name=n,alias=a,alias=b,ip=10.0.0.2") == (
        "n",
        {"Aliases": ["a", "b"], "IPAMConfig": {"IPv4Address": "10.0.0.2"}},
    )
    with pytest.raises(ValueError, match="network name is not specified"):
        parse_network("alias=a")


def test_seccomp_profiles_are_read_here(tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    profile.write_text('{ "defaultAction": "SCMP_ACT_ALLOW" }')
    assert parse_security(f"seccomp={profile}") == 'seccomp={"defaultAction":"SCMP_ACT_ALLOW"}'
    assert parse_security("seccomp=unconfined") == "seccomp=unconfined"
    assert parse_security("no-new-privileges") == "no-new-privileges"
    with pytest.raises(ValueError, match="failed: No such file or directory"):
        parse_security(f"seccomp={tmp_path}/none.json")
    with pytest.raises(ValueError, match="invalid --security-opt"):
        parse_security("what")
