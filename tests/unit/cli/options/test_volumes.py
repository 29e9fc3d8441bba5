"""-v, --mount and --tmpfs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.cli.options.fields import split_csv
from ck.cli.options.volumes import parse_mount, parse_tmpfs, parse_volume


def test_volumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    assert parse_volume("/data") == ("", "/data")
    assert parse_volume("name:/data") == ("name:/data", "")
    assert parse_volume("/a:/b:ro,z") == ("/a:/b:ro,z", "")
    assert parse_volume("./a:/b:ro") == (f"{tmp_path}/a:/b:ro", "")
    assert parse_volume(".:/b") == (f"{tmp_path}:/b", "")
    assert parse_volume("~/a:/b") == ("/home/me/a:/b", "")


@pytest.mark.parametrize("text", ["", ":", "a:", ":/b", "a:b", "data", "/a:/b:ro:x", "/a:/b:"])
def test_malformed_volumes(text: str) -> None:
    with pytest.raises(ValueError, match=r"volume|absolute"):
        parse_volume(text)


def test_bind_mount() -> None:
    assert parse_mount("type=bind,src=/a,dst=/b,ro,bind-propagation=rslave") == {
        "Type": "bind",
        "Source": "/a",
        "Target": "/b",
        "ReadOnly": True,
        "BindOptions": {"Propagation": "rslave"},
    }


@pytest.mark.parametrize(("field", "mapped"), [("idmap", True), ("idmap=true", True), ("idmap=0", False)])
def test_bind_mount_with_other_owners(field: str, mapped: bool) -> None:
    assert parse_mount(f"type=bind,src=/a,dst=/b,{field}")["BindOptions"] == {"IDMap": mapped}


def test_volume_mount() -> None:
    text = "source=v,target=/b,readonly=false,volume-nocopy,volume-driver=d,volume-opt=o=addr=x,volume-label=l=1"
    assert parse_mount(text) == {
        "Type": "volume",
        "Source": "v",
        "Target": "/b",
        "ReadOnly": False,
        "VolumeOptions": {
            "NoCopy": True,
            "DriverConfig": {"Name": "d", "Options": {"o": "addr=x"}},
            "Labels": {"l": "1"},
        },
    }


def test_options_with_commas_are_quoted() -> None:
    mount = parse_mount('type=volume,target=/b,"volume-opt=o=rw,noatime"')
    assert mount["VolumeOptions"]["DriverConfig"]["Options"] == {"o": "rw,noatime"}


def test_tmpfs_mount() -> None:
    assert parse_mount("type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770") == {
        "Type": "tmpfs",
        "Target": "/t",
        "TmpfsOptions": {"SizeBytes": 1048576, "Mode": 0o1770},
    }
    assert parse_tmpfs("/run:size=64m,exec") == ("/run", "size=64m,exec")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("type=bind,target=/b", "source is required"),
        ("type=volume", "target is required"),
        ("type=disk,target=/b", "mount type 'disk'"),
        ("target=/b,what=x", "unexpected key 'what'"),
        ("target", "must be a key=value pair"),
        ("type=tmpfs,source=/a,target=/b", "source is not allowed"),
        ("type=bind,source=/a,target=/b,tmpfs-size=1m", "cannot mix 'tmpfs-\\*' options with mount type 'bind'"),
        ("source=v,target=/b,idmap", "cannot mix 'bind-\\*' options with mount type 'volume'"),
        ("target=/b,readonly=maybe", "invalid value for readonly: maybe"),
        ("type=tmpfs,target=/b,tmpfs-mode=9", "invalid value for tmpfs-mode"),
        ('target=/b,"x', "a quote is not closed"),
    ],
)
def test_malformed_mounts(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_mount(text)


@given(st.lists(st.text(), min_size=1))
def test_csv_round_trip(fields: list[str]) -> None:
    quoted = ",".join(f'"{field.replace(chr(34), chr(34) * 2)}"' for field in fields)
    assert split_csv(quoted) == fields
