"""`-v`, `--mount`, `--volumes-from` and the image's volumes become one list."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.api.container import Container, ContainerConfig, HostConfig, MountPoint, MountRequest
from ck.kernel.engine.mounts import check_mount, clean_target, parse_bind, split_volumes_from, wanted_mounts
from ck.kernel.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/a:/b", MountRequest(type="bind", source="/a", target="/b", create_source=True)),
        ("/a/../c:/b/", MountRequest(type="bind", source="/c", target="/b", create_source=True)),
        ("/a:/b:ro", MountRequest(type="bind", source="/a", target="/b", read_only=True, create_source=True)),
        (
            "/a:/b:ro,rslave,z",
            MountRequest(
                type="bind", source="/a", target="/b", read_only=True, propagation="rslave", create_source=True
            ),
        ),
        ("data:/b:nocopy", MountRequest(type="volume", source="data", target="/b", no_copy=True)),
        ("/b", MountRequest(type="volume", target="/b")),
    ],
)
def test_forms_of_v(text: str, expected: MountRequest) -> None:
    assert parse_bind(text).request == expected


@pytest.mark.parametrize(
    "text",
    ["", ":", "/a:", ":/b", "/a:b", "/a:/", "/a:/b:rx", "/a:/b:ro,rw", "/a:/b:ro:x", "./a:/b", "-a:/b", "/a:/b:nocopy",
     "data:/b:rshared"],
)  # fmt: skip
def test_malformed_v_is_refused_with_the_value(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_bind(text)
    assert repr(text.split(":")[-1])[1:-1] in str(caught.value) or repr(text)[1:-1] in str(caught.value)


@pytest.mark.parametrize("target", ["/proc/1/fd", "/proc/self/attr", "/proc/sys", "/proc/./kcore", "/proc"])
def test_proc_is_the_kernel_s(target: str) -> None:
    hosts = [
        HostConfig(binds=(f"data:{target}",)),
        HostConfig(mounts=(MountRequest(type="tmpfs", target=target),)),
        HostConfig(tmpfs={target: ""}),
    ]
    if target != "/proc":
        hosts.append(HostConfig(binds=(f"/a:{target}",)))
    for host in hosts:
        with pytest.raises(InvalidArgument, match=f"nothing can be mounted at {clean_target(target)}"):
            wanted_mounts(host, (), {})
    with pytest.raises(InvalidArgument, match="nothing can be mounted at /proc"):
        wanted_mounts(HostConfig(), (target,), {})


def test_what_of_proc_may_be_covered() -> None:
    binds = ("/a:/proc/cpuinfo", "/a:/proc/sys/kernel/ns_last_pid", "/proc:/proc", "/a:/process")
    assert len(wanted_mounts(HostConfig(binds=binds), (), {})) == 4


@given(st.text(max_size=30))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        request = parse_bind(text).request
    except InvalidArgument:
        return
    assert request.target.startswith("/") and request.target != "/" and ".." not in request.target.split("/")


@given(st.lists(st.sampled_from(["a", "..", ".", "", "b"]), min_size=1))
def test_clean_targets_are_stable(parts: list[str]) -> None:
    try:
        clean = clean_target("/" + "/".join(parts))
    except InvalidArgument:
        return
    assert clean_target(clean) == clean


@pytest.mark.parametrize(
    "mount",
    [
        MountRequest(type="nfs", target="/a"),
        MountRequest(type="bind", target="/a", source="relative"),
        MountRequest(type="bind", target="/a", source="/s", propagation="sideways"),
        MountRequest(type="bind", target="/a", source="/s", no_copy=True),
        MountRequest(type="tmpfs", target="/a", source="/s"),
        MountRequest(type="volume", target="/a", source="v", propagation="rshared"),
        MountRequest(type="volume", target="/a", source="../v"),
        MountRequest(type="volume", target="/a", source="v", subpath="../x"),
        MountRequest(type="volume", target="relative"),
    ],
)
def test_mounts_that_make_no_sense(mount: MountRequest) -> None:
    with pytest.raises(InvalidArgument):
        check_mount(mount)


def other(*mounts: MountPoint) -> Container:
    return Container(
        id="f" * 64,
        name="other",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        image_id="",
        image_ref="",
        path="sh",
        args=(),
        config=ContainerConfig(),
        host_config=HostConfig(),
        mounts=mounts,
    )


def test_explicit_wins_over_volumes_from_wins_over_the_image() -> None:
    source = other(
        MountPoint(type="volume", name="v", driver="local", source="/x", destination="/one"),
        MountPoint(type="bind", source="/host", destination="/two", read_write=False),
        MountPoint(type="tmpfs", destination="/tmp"),
    )
    host = HostConfig(volumes_from=("other:ro",), binds=("/mine:/one",))
    wanted = wanted_mounts(host, ["/two", "/three"], {"other": source})
    found = {mount.request.target: mount.request for mount in wanted}
    assert list(found) == ["/one", "/three", "/two"]
    assert found["/one"].source == "/mine"
    assert (found["/two"].source, found["/two"].read_only) == ("/host", True)
    assert (found["/three"].type, found["/three"].source) == ("volume", "")


def test_a_mount_comes_after_what_it_stands_on() -> None:
    wanted = wanted_mounts(HostConfig(binds=("/x:/a/b/c", "/y:/a", "/z:/a/b")), [], {})
    assert [mount.request.target for mount in wanted] == ["/a", "/a/b", "/a/b/c"]


@pytest.mark.parametrize(
    "host",
    [
        HostConfig(binds=("/a:/x", "/b:/x/")),
        HostConfig(binds=("/a:/x",), mounts=(MountRequest(type="tmpfs", target="/x"),)),
        HostConfig(binds=("/a:/x",), tmpfs={"/x": ""}),
    ],
)
def test_two_mounts_at_one_place_are_refused(host: HostConfig) -> None:
    with pytest.raises(InvalidArgument, match="/x"):
        wanted_mounts(host, [], {})


def test_an_image_volume_below_a_tmpfs_is_the_tmpfs() -> None:
    assert wanted_mounts(HostConfig(tmpfs={"/data/": ""}), ["/data"], {}) == ()


@pytest.mark.parametrize("entry", ["", ":ro", "x:", "x:rx"])
def test_malformed_volumes_from(entry: str) -> None:
    with pytest.raises(InvalidArgument):
        split_volumes_from(entry)
