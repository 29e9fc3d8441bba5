"""RUN --mount: keys, aliases and defaults by type (reference.md, "RUN --mount")."""

from typing import Any

import attrs
import pytest

from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.mounts import Mount, mount_source, parse_mount


def own(mount: Mount) -> dict[str, Any]:
    defaults = {field.name: field.default for field in attrs.fields(Mount)}
    return {name: value for name, value in attrs.asdict(mount).items() if value != defaults[name]}


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("target=/a", {"type": "bind", "target": "/a"}),
        ("src=x,dst=/a,from=b,rw", {"type": "bind", "source": "x", "target": "/a", "from_": "b", "read_only": False}),
        ("type=bind,src=x,destination=/a,readwrite=false", {"type": "bind", "source": "x", "target": "/a"}),
        ("target=/a,ro=0", {"type": "bind", "target": "/a", "read_only": False}),
        ("TYPE=Cache,target=/a/b/", {"type": "cache", "target": "/a/b/", "id": "/a/b", "read_only": False}),
        (
            "type=cache,id=i,target=/a,sharing=locked,mode=0755,uid=1,gid=2,ro",
            {"type": "cache", "id": "i", "target": "/a", "sharing": "locked", "mode": 0o755, "uid": 1, "gid": 2},
        ),
        ("type=tmpfs,target=/t,size=64m", {"type": "tmpfs", "target": "/t", "read_only": False, "size": 64 << 20}),
        ("type=secret,id=aws", {"type": "secret", "id": "aws", "target": "/run/secrets/aws"}),
        ("type=secret,source=a/b", {"type": "secret", "source": "a/b", "id": "a/b", "target": "/run/secrets/b"}),
        ("type=secret,target=/a/c,required", {"type": "secret", "id": "c", "target": "/a/c", "required": True}),
        ("type=secret,id=k,env=KEY,required=false", {"type": "secret", "id": "k", "env": "KEY"}),
        ("type=secret,id=k,env=KEY,target=/k", {"type": "secret", "id": "k", "env": "KEY", "target": "/k"}),
        ("type=ssh", {"type": "ssh", "id": "default"}),
        ("type=ssh,id=x,mode=600", {"type": "ssh", "id": "x", "mode": 0o600}),
        ('"target=/a,b"', {"type": "bind", "target": "/a,b"}),
    ],
)  # fmt: skip
def test_mounts(flag: str, expected: dict[str, Any]) -> None:
    assert own(parse_mount(flag, lambda text: text)) == expected


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        ("type=volume,target=/a", 'unsupported mount type "volume"'),
        ("typ=bind", 'unexpected key "typ" in "typ=bind" (did you mean type?)'),
        ("target", 'invalid field "target": must be a key=value pair'),
        ("target=/a,ro=x", "invalid value for readonly: x"),
        ("target=/a,required", 'unexpected key "required" for mount type "bind"'),
        ("target=/a,size=1m", 'unexpected key "size" for mount type "bind"'),
        ("target=/a,uid=1", 'unexpected key "uid" for mount type "bind"'),
        ("type=tmpfs,mode=1", 'unexpected key "mode" for mount type "tmpfs"'),
        ("type=bind,sharing=locked", 'unexpected key "sharing" for mount type "bind"'),
        ("type=ssh,env=A", 'unexpected key "env" for mount type "ssh"'),
        ("type=cache,target=/a,sharing=lokced", 'unsupported sharing value "lokced" (did you mean locked?)'),
        ("type=cache,target=/a,mode=9", "invalid value 9 for mode"),
        ("type=cache,target=/a,uid=-1", "invalid value -1 for uid"),
        ("type=cache,target=/a,gid=4294967296", "invalid value 4294967296 for gid"),
        ("type=tmpfs,size=x", "invalid value for size: x"),
        ("type=secret", "invalid secret mount: one of source, target required"),
        ("type=secret,id=a,source=b", "both source and id can't be set"),
        ("type=secret,id=a,from=b", "a secret mount cannot have a from"),
        ('"target=/a', 'cannot read the mount ""target=/a": unexpected end of data'),
    ],
)
def test_wrong_mounts(flag: str, reason: str) -> None:
    with pytest.raises(DockerfileError) as raised:
        parse_mount(flag, lambda text: text)
    assert raised.value.reason == reason


def test_values_are_expanded_but_not_the_source() -> None:
    mount = parse_mount(
        "type=cache,target=${A},from=x,id=$A", lambda text: text.replace("${A}", "/a").replace("$A", "b")
    )
    assert (mount.target, mount.from_, mount.id) == ("/a", "x", "b")
    assert mount_source("type=bind,from=x") == "x"
    assert mount_source("type=bind") == ""
    with pytest.raises(DockerfileError, match="doesn't support variable expansion"):
        mount_source("from=$A")
