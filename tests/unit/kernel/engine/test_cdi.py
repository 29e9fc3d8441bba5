import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.engine.cdi import Edits, MountEdit, NodeEdit, find_edits, parse_spec, split_name
from ck.kernel.engine.cdi_files import cdi_edits
from ck.kernel.errors import CkError, InvalidArgument, NotFound, Unsupported

SPEC: dict[str, Any] = {
    "cdiVersion": "0.6.0",
    "kind": "vendor.com/net",
    "devices": [
        {
            "name": "one",
            "containerEdits": {
                "deviceNodes": [{"path": "/dev/one", "hostPath": "/dev/null", "fileMode": 438, "permissions": "r"}],
                "mounts": [{"hostPath": "/usr/lib", "containerPath": "/lib/v", "options": ["ro", "bind"]}],
                "env": ["ONE=1"],
                "additionalGids": [44],
            },
        },
        {"name": "two", "containerEdits": {"env": ["TWO=2"]}},
    ],
    "containerEdits": {"env": ["ALL=yes"]},
}


def test_what_devices_need() -> None:
    spec = parse_spec(SPEC, "a.json")
    assert find_edits(["vendor.com/net=two", "vendor.com/net=one", "vendor.com/net=two"], [spec]) == Edits(
        env=("TWO=2", "ONE=1", "ALL=yes"),
        nodes=(NodeEdit(path="/dev/one", host_path="/dev/null", mode=0o666, access="r"),),
        mounts=(MountEdit(source="/usr/lib", target="/lib/v", options=("ro", "bind")),),
        groups=(44,),
    )


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("vendor.com/net=three", "unresolvable CDI device vendor.com/net=three"),
        ("other.com/net=one", "unresolvable"),
        ("vendor.com/net", "is not the name of a CDI device"),
        ("vendor.com=one", "is not the name"),
        ("/dev/x=y", "is not the name"),
        ("vendor.com/net=", "is not the name"),
    ],
)
def test_names_that_lead_nowhere(name: str, named: str) -> None:
    with pytest.raises((InvalidArgument, NotFound)) as caught:
        find_edits([name], [parse_spec(SPEC, "a.json")])
    assert named in str(caught.value)


def test_two_files_with_one_device() -> None:
    with pytest.raises(InvalidArgument, match="more than one file: a and b"):
        find_edits(["vendor.com/net=one"], [parse_spec(SPEC, "a"), parse_spec(SPEC, "b")])
    later = parse_spec({**SPEC, "containerEdits": {"env": ["ALL=later"]}}, "c", rank=1)
    assert find_edits(["vendor.com/net=two"], [parse_spec(SPEC, "a"), later]).env == ("TWO=2", "ALL=later")


@pytest.mark.parametrize("key", ["hooks", "intelRdt", "netDevices"])
def test_what_is_not_supported_is_named(key: str) -> None:
    asking = {key: [{"hookName": "prestart"}]}
    with pytest.raises(Unsupported, match=f"a.json asks for {key}"):
        find_edits(["vendor.com/net=one"], [parse_spec({**SPEC, "containerEdits": asking}, "a.json")])
    devices = [*SPEC["devices"], {"name": "three", "containerEdits": asking}]
    spec = parse_spec({**SPEC, "devices": devices}, "a.json")
    with pytest.raises(Unsupported, match=f"a.json, device three asks for {key}"):
        find_edits(["vendor.com/net=three"], [spec])
    assert find_edits(["vendor.com/net=two"], [spec]).env == ("TWO=2", "ALL=yes")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.sampled_from(["kind", "devices", "containerEdits"]), st.sampled_from(["env", "mounts", "deviceNodes"]))
def test_malformed_files_are_refused_and_never_a_crash(junk: object, key: str, inner: str) -> None:
    for document in (junk, {**SPEC, key: junk}, {**SPEC, "containerEdits": {inner: junk}}):
        try:
            spec = parse_spec(document, "a.json")
            find_edits([f"{spec.kind}={device}" for device in spec.devices], [spec])
        except CkError as error:
            assert "a.json" in str(error)


def test_names() -> None:
    assert split_name("nvidia.com/gpu=0") == ("nvidia.com/gpu", "0")
    assert split_name("a/b-c=GPU-1:2.3") == ("a/b-c", "GPU-1:2.3")


def test_files(tmp_path: Path) -> None:
    first, second = tmp_path / "etc", tmp_path / "run"
    for directory in (first, second):
        directory.mkdir()
    (first / "net.json").write_text(json.dumps(SPEC))
    (first / "broken.txt").write_text("no spec")
    yaml = "kind: vendor.com/disk\ndevices:\n  - name: d0\n    containerEdits: {env: [DISK=0]}\n"
    (second / "disk.yaml").write_text(yaml)
    directories = [first, tmp_path / "missing", second]
    assert cdi_edits(["vendor.com/disk=d0"], directories).env == ("DISK=0",)
    (second / "net.json").write_text(json.dumps({**SPEC, "containerEdits": {"env": ["ALL=later"]}}))
    assert cdi_edits(["vendor.com/net=two"], directories).env == ("TWO=2", "ALL=later")
    (second / "net.json").write_text("{")
    (second / "net.yaml").write_text("a: [")
    assert cdi_edits(["vendor.com/net=two"], directories).env == ("TWO=2", "ALL=yes")
    (first / "net.json").unlink()
    with pytest.raises(InvalidArgument, match=r"unresolvable .*net\.json cannot be read.*net\.yaml is not YAML"):
        cdi_edits(["vendor.com/net=two"], directories)
