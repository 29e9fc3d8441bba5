"""The compiler of plans: what comes out, and that nothing of a spec is ignored."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict, Unpack

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.drivers.log import LogSink
from ck.kernel.drivers.runtime import Bundle, ExecRequest, TerminalSize
from ck.kernel.drivers.storage import RootMount
from ck.kernel.errors import InvalidArgument, Unsupported
from ck.kernel.linux import mount
from ck.kernel.linux.capability import CAPABILITIES
from ck.kernel.linux.cgroup import Layout
from ck.kernel.linux.rlimit import INFINITY, RLIMITS
from ck.plugins.builtin.runtime_native._host import HostFacts
from ck.plugins.builtin.runtime_native._ids import IdMappings, wanted_id_maps
from ck.plugins.builtin.runtime_native._plan import compile_exec_plan, compile_plan
from ck.plugins.builtin.runtime_native._resources import compile_limits, warnings_of
from ck.plugins.builtin.runtime_native._section import Section
from ck.plugins.builtin.runtime_native.child.plan import MountPlan, Plan

ALL = (1 << 41) - 1
HOST = HostFacts(
    kernel=(6, 1),
    machine="x86_64",
    cgroups=Layout("/sys/fs/cgroup", {}),
    capabilities=ALL & ~(1 << CAPABILITIES["CAP_SYS_RESOURCE"]),
    last_capability=40,
    hard_limits=dict.fromkeys(RLIMITS, 20000),
    cgroup_files=frozenset({"pids.max", "cpu.max", "cpu.weight", "memory.max", "memory.swap.max", "io.weight"}),
)
V1 = {"pids": "/cg/pids", "cpu": "/cg/cpu,cpuacct", "cpuacct": "/cg/cpu,cpuacct"}
MAPPED = [{"containerID": 0, "hostID": 5000, "size": 100}]
USERS = {
    "namespaces": [{"type": "mount"}, {"type": "uts"}, {"type": "user", "path": "/proc/1/fd/7"}],
    "uidMappings": MAPPED,
    "gidMappings": MAPPED,
}
HYBRID = HostFacts(
    kernel=(6, 1),
    machine="x86_64",
    cgroups=Layout("/cg/unified", V1),
    capabilities=ALL,
    last_capability=40,
    hard_limits=dict.fromkeys(RLIMITS, 20000),
    cgroup_files=frozenset({"pids.max", "cpu.shares", "memory.max"}),
)

Spec = dict[str, Any]  # JSON-shaped

SPEC: Spec = {
    "ociVersion": "1.2.0",
    "process": {"args": ["sh"], "env": ["PATH=/bin"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
    "root": {"path": "rootfs", "readonly": True},
    "hostname": "box",
    "mounts": [],
    "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}, {"type": "uts"}]},
}


class Options(TypedDict, total=False):
    """What of a Bundle is not of the spec."""

    user: str
    groups: tuple[str, ...]
    size: TerminalSize


def bundle_of(spec: Spec, **options: Unpack[Options]) -> Bundle:
    return Bundle(
        container_id="c1",
        spec=spec,
        root=(
            RootMount(
                type="overlay", source="overlay", options=("lowerdir=a:b", "noatime"), cwd="/layers", beneath=("m",)
            ),
        ),
        log=LogSink(format="none", max_size=0, max_files=0),
        log_directory=Path("/nowhere"),
        **options,
    )


def compiled(
    change: Spec | None = None,
    *,
    host: HostFacts = HOST,
    seccomp: bytes | None = None,
    id_maps: Mapping[IdMappings, str] | None = None,
    **options: Unpack[Options],
) -> Plan:
    """The plan of SPEC with *change* merged into it."""
    bundle = bundle_of(merged(SPEC, change or {}), **options)
    return compile_plan(bundle, rootfs="/r", host=host, seccomp=seccomp, id_maps=id_maps or {})


def merged(base: Spec, change: Spec) -> Spec:
    result = copy.deepcopy(base)
    for key, value in change.items():
        result[key] = (
            merged(result[key], value) if isinstance(value, dict) and isinstance(result.get(key), dict) else value
        )
    return result


def mounts(*entries: Spec, host: HostFacts = HOST, **linux: object) -> list[MountPlan]:
    return compiled({"mounts": list(entries), "linux": linux}, host=host)["mounts"]


def test_a_plain_container() -> None:
    plan = compiled(user="www:adm", groups=("tape",), size=TerminalSize(rows=1, columns=2))
    assert plan["pid"] == {"kind": "pid", "path": ""}
    assert plan["namespaces"] == [{"kind": "mnt", "path": ""}, {"kind": "uts", "path": ""}]
    assert plan["root"] == [
        {
            "type": "overlay",
            "source": "overlay",
            "flags": mount.MS_NOATIME,
            "data": "lowerdir=a:b",
            "cwd": "/layers",
            "beneath": ["m"],
        }
    ]
    assert plan["root_read_only"]
    assert plan["root_propagation"] == mount.MS_SLAVE | mount.MS_REC
    assert plan["make_dev"]
    assert [device["path"] for device in plan["devices"]] == [
        f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty")
    ]
    process = plan["process"]
    assert (process["user"], process["groups"], process["argv"], process["terminal"]) == (
        "www:adm",
        ["tape"],
        ["sh"],
        None,
    )
    assert process["capabilities"]["bounding"] == 0
    assert (process["umask"], process["oom_score_adj"], process["init"], process["seccomp"]) == (-1, 0, False, "")


texts = st.text(st.characters(blacklist_characters="\0"), max_size=8)


@given(
    st.lists(texts, min_size=1, max_size=3),
    texts,
    st.sets(st.sampled_from(sorted(CAPABILITIES))),
    st.lists(st.sampled_from(["ro", "nosuid", "rro", "noatime", "rprivate", "rw", "shared", "strictatime", "ratime"])),
)
def test_a_plan_survives_json(args: list[str], user: str, capabilities: set[str], options: list[str]) -> None:
    names = sorted(capabilities)
    change = {
        "process": {"args": args, "capabilities": {"bounding": names, "effective": names, "permitted": names}},
        "mounts": [{"destination": "/x", "type": "bind", "source": "/y", "options": ["rbind", *options]}],
    }
    try:
        plan = compiled(change, user=user)
    except InvalidArgument:
        assert "ratime" in options
        return
    assert json.loads(json.dumps(plan)) == plan
    assert plan["process"]["capabilities"]["bounding"] & ~HOST.capabilities == 0


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"hooks": {"prestart": [{"path": "/x"}]}}, "hooks"),
        ({"vm": {"kernel": {"path": "/x"}}}, "vm"),
        ({"process": {"apparmorProfile": "x"}}, "process.apparmorProfile"),
        ({"process": {"selinuxLabel": "x"}}, "process.selinuxLabel"),
        ({"process": {"scheduler": {"policy": "SCHED_IDLE"}}}, "process.scheduler"),
        ({"process": {"ioPriority": {"class": "IOPRIO_CLASS_IDLE"}}}, "process.ioPriority"),
        ({"process": {"user": {"username": "x"}}}, "process.user.username"),
        ({"linux": {"mountLabel": "x"}}, "linux.mountLabel"),
        ({"linux": {"personality": {"domain": "LINUX32"}}}, "linux.personality"),
        ({"linux": {"intelRdt": {"closID": "x"}}}, "linux.intelRdt"),
        ({"linux": {"resources": {"blockIO": {"leafWeight": 9}}}}, "linux.resources.blockIO.leafWeight"),
        ({"linux": {"resources": {"cpu": {"idle": 1}}}}, "linux.resources.cpu.idle"),
        ({"linux": {"resources": {"memory": {"kernel": 5}}}}, "linux.resources.memory.kernel"),
        ({"linux": {"resources": {"unified": {"memory.high": "5"}}}}, "memory.high='5'"),
        ({"linux": {"resources": {"unified": {"memory.high": "1"}}}}, "linux.resources.unified"),
        ({"linux": {"namespaces": [{"type": "mount"}, {"type": "user"}]}}, "needs the path of a user namespace"),
        ({"linux": {"namespaces": [{"type": "mount"}, {"type": "time"}]}}, "'time'"),
        ({"linux": {"namespaces": [{"type": "mount", "path": "/x"}]}}, "mount namespace"),
        ({"linux": {"cgroupsPath": "/elsewhere/c2"}}, "/elsewhere/c2"),
        ({"mounts": [{"destination": "/x", "type": "nfs"}]}, "'nfs'"),
        ({"mounts": [{"destination": "/x", "type": "tmpfs", "options": ["tmpcopyup"]}]}, "tmpcopyup"),
        ({"a-new-thing": {"x": 1}}, "a-new-thing"),
        ({"process": {"a-new-flag": True}}, "process.a-new-flag"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(change: Spec, name: str) -> None:
    with pytest.raises(Unsupported) as error:
        compiled(change)
    assert name in str(error.value)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"process": {"args": []}}, "process.args is empty"),
        ({"process": {"args": ["a\0b"]}}, "NUL"),
        ({"process": {"args": "sh"}}, "must be a list"),
        ({"process": {"cwd": "relative"}}, "'relative'"),
        ({"process": {"env": ["=x"]}}, "'=x'"),
        ({"process": {"oomScoreAdj": 2000}}, "2000"),
        ({"process": {"oomScoreAdj": True}}, "True"),
        ({"process": {"user": {"uid": -1}}}, "-1"),
        ({"linux": {"uidMappings": MAPPED}}, "linux.uidMappings need a user namespace"),
        ({"linux": {"uidMappings": [{"hostID": 1}]}}, "linux.uidMappings has no mapping [None, 1, None]"),
        ({"linux": {**USERS, "gidMappings": []}}, "must map ID 0"),
        ({"mounts": [{"destination": "/x", "source": "/y", "options": ["bind", "idmap"]}]}, "has the host's users"),
        (
            {"mounts": [{"destination": "/x", "source": "/y", "options": ["bind"], "uidMappings": MAPPED}]},
            "go together",
        ),
        ({"process": {"capabilities": {"bounding": ["CAP_FLY"]}}}, "CAP_FLY"),
        ({"process": {"capabilities": {"effective": ["CAP_KILL"]}}}, "CAP_KILL"),
        ({"process": {"rlimits": [{"type": "RLIMIT_WISHES", "soft": 1, "hard": 1}]}}, "RLIMIT_WISHES"),
        ({"process": {"rlimits": [{"type": "RLIMIT_CPU", "soft": 2, "hard": 1}]}}, "soft limit 2"),
        ({"annotations": {"ck.init": "yes"}}, "'yes'"),
        ({"linux": {"namespaces": [{"type": "mount"}, {"type": "mount"}]}}, "twice"),
        ({"linux": {"rootfsPropagation": "sideways"}}, "sideways"),
        ({"linux": {"sysctl": {"vm.swappiness": "1"}}}, "vm.swappiness"),
        ({"linux": {"sysctl": {"net.ipv4.ip_forward": "1"}}}, "net namespace"),
        ({"linux": {"sysctl": {"../../etc/x": "1"}}}, "../../etc/x"),
        ({"linux": {"namespaces": [{"type": "mount"}]}}, "hostname 'box'"),
        ({"linux": {"devices": [{"path": "/dev/x", "type": "z"}]}}, "'z'"),
        ({"linux": {"resources": {"devices": [{"allow": True, "access": "x"}]}}}, "'x'"),
        ({"linux": {"resources": {"memory": {"limit": 10, "swap": 5}}}}, "(5)"),
        ({"mounts": [{"destination": "x", "type": "tmpfs"}]}, "'x'"),
        ({"mounts": [{"destination": "/x", "type": "bind", "source": "y"}]}, "'y'"),
        ({"mounts": [{"destination": "/x", "type": "bind", "source": "/y", "options": ["size=1"]}]}, "size=1"),
        ({"mounts": [{"destination": "/x", "type": "bind", "source": "/y", "options": ["bind", "sync"]}]}, "sync"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_value(change: Spec, name: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        compiled(change)
    assert name in str(error.value)


def test_a_host_that_is_too_old() -> None:
    with pytest.raises(Unsupported, match=r"needs Linux 5\.14 or newer; this is 5\.10"):
        compiled(host=attrs.evolve(HOST, kernel=(5, 10)))


def test_rlimits_are_clamped_unless_explicit() -> None:
    rlimits = [
        {"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 1 << 20},
        {"type": "RLIMIT_CORE", "soft": -1, "hard": -1},
    ]
    clamped = compiled({"process": {"rlimits": rlimits}})["process"]["rlimits"]
    assert [(limit["soft"], limit["hard"]) for limit in clamped] == [(1024, 20000), (20000, 20000)]
    free = compiled({"process": {"rlimits": rlimits}}, host=HYBRID)["process"]["rlimits"]
    assert [(limit["soft"], limit["hard"]) for limit in free] == [(1024, 1 << 20), (INFINITY, INFINITY)]
    with pytest.raises(InvalidArgument) as error:
        compiled({"process": {"rlimits": rlimits}, "annotations": {"ck.explicit-rlimits": "core, nofile"}})
    assert str(error.value) == (
        "ulimit nofile: 1048576 is above this host's hard limit of 20000, which only CAP_SYS_RESOURCE could raise"
    )


def test_a_lacking_capability_is_left_out_unless_explicit() -> None:
    change = {"process": {"capabilities": {"bounding": ["CAP_SYS_RESOURCE", "CAP_KILL"]}}}
    assert compiled(change)["process"]["capabilities"]["bounding"] == 1 << CAPABILITIES["CAP_KILL"]
    with pytest.raises(Unsupported, match="CAP_SYS_RESOURCE"):
        compiled({**change, "annotations": {"ck.explicit-capabilities": "CAP_SYS_RESOURCE"}})


def test_bind_options() -> None:
    plan = mounts(
        {"destination": "/a", "source": "/s", "type": "bind", "options": ["rbind", "ro", "rprivate", "noatime"]},
        {"destination": "/b", "source": "/s", "type": "none", "options": ["bind", "rw", "rro", "rexec"]},
        {"destination": "/c", "source": "/s", "type": "bind", "options": ["ro", "rw"]},
    )
    read_only, no_time = mount.MOUNT_ATTR_RDONLY, mount.MOUNT_ATTR_NOATIME
    assert [entry["recursive"] for entry in plan] == [True, False, False]
    assert [entry["attributes"] for entry in plan] == [[read_only | no_time, mount.MOUNT_ATTR_ATIME], [0, 0], [0, 0]]
    assert plan[0]["propagation"] == [mount.MS_PRIVATE | mount.MS_REC]
    assert plan[1]["recursive_attributes"] == [read_only, mount.MOUNT_ATTR_NOEXEC]


def test_file_system_options() -> None:
    (plan,) = mounts({"destination": "/t", "type": "tmpfs", "options": ["nosuid", "mode=755", "size=1k", "defaults"]})
    assert (plan["source"], plan["flags"], plan["data"]) == ("tmpfs", mount.MS_NOSUID, "mode=755,size=1k")


def test_dev_is_made_read_only_after_its_nodes_are_made() -> None:
    (plan,) = mounts({"destination": "/dev", "type": "tmpfs", "options": ["ro"]})
    assert (plan["flags"], plan["late_attributes"]) == (0, mount.MOUNT_ATTR_RDONLY)


def test_a_bound_dev_is_left_alone() -> None:
    change = {"mounts": [{"destination": "/dev/", "type": "bind", "source": "/dev", "options": ["rbind"]}]}
    assert not compiled(change)["make_dev"]


CGROUP = {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro", "nosuid"]}


def test_cgroups_on_v2() -> None:
    (host_wide,) = mounts(CGROUP)
    assert (host_wide["type"], host_wide["source"]) == ("bind", "/sys/fs/cgroup")
    (own,) = mounts(CGROUP, namespaces=[{"type": "mount"}, {"type": "uts"}, {"type": "cgroup"}])
    assert own["source"] == "/sys/fs/cgroup/ck/c1"


def test_cgroups_on_a_hybrid_host() -> None:
    top, *parts = mounts(CGROUP, host=HYBRID)
    assert (top["type"], top["flags"] & mount.MS_RDONLY, top["late_attributes"]) == (
        "tmpfs",
        0,
        mount.MOUNT_ATTR_RDONLY,
    )
    assert top["links"] == [["cpu", "cpu,cpuacct"], ["cpuacct", "cpu,cpuacct"]]
    assert {part["source"]: part["target"] for part in parts} == {
        "/cg/pids/ck/c1": "/sys/fs/cgroup/pids",
        "/cg/cpu,cpuacct/ck/c1": "/sys/fs/cgroup/cpu,cpuacct",
        "/cg/unified/ck/c1": "/sys/fs/cgroup/unified",
    }
    assert all(part["attributes"] == [mount.MOUNT_ATTR_RDONLY | mount.MOUNT_ATTR_NOSUID, 0] for part in parts)


def test_limits_go_where_their_controller_is() -> None:
    resources = {"pids": {"limit": 5}, "memory": {"limit": 1 << 30}, "cpu": {"shares": 2}}
    plan = compiled({"linux": {"resources": resources}}, host=HYBRID)
    assert sorted(plan["cgroup"]["settings"]) == [
        ["cpu", "cpu.shares", "2", "--cpu-shares"],
        ["memory", "memory.max", "1073741824", "--memory"],
        ["pids", "pids.max", "5", "--pids-limit"],
    ]


def test_users_of_its_own() -> None:
    mounts = [
        {"destination": "/m", "source": "/src", "options": ["bind", "idmap"]},
        {"destination": "/o", "source": "/src", "options": ["bind"], "uidMappings": MAPPED, "gidMappings": MAPPED},
        {"destination": "/h", "source": "/src", "options": ["bind"]},
        {"destination": "/dev/pts", "type": "devpts", "options": ["gid=5", "mode=0620"]},
    ]
    device = {"path": "/dev/x", "type": "c", "major": 1, "minor": 2, "gid": 6}
    change = {"linux": {**USERS, "devices": [device]}, "mounts": mounts}
    (wanted,) = wanted_id_maps(change)
    plan = compiled(change, id_maps={wanted: "/proc/1/fd/8"})
    assert plan["user"] == {"path": "/proc/1/fd/7", "uid": 5000, "gid": 5000}
    assert all(namespace["kind"] != "user" for namespace in plan["namespaces"])
    assert [(mount["id_map"], mount["must_map"]) for mount in plan["mounts"]] == [
        ("/proc/1/fd/7", False),
        ("/proc/1/fd/8", True),
        ("", False),
        ("", False),
    ]
    assert plan["mounts"][3]["data"] == "gid=5005,mode=0620"
    assert [(each["uid"], each["gid"]) for each in plan["devices"] if each["path"] == "/dev/x"] == [(5000, 5006)]


def test_a_group_below_another_parent() -> None:
    plan = compiled({"linux": {"cgroupsPath": "/a/b/c1"}})
    assert plan["cgroup"]["parent"] == "a/b"
    assert compiled({})["cgroup"]["parent"] == "ck"


def test_what_the_kernel_has_no_file_for_is_told() -> None:
    limits = compile_limits(Section({"memory": {"swappiness": 0}, "blockIO": {"weight": 10}}), HOST)
    assert warnings_of(limits, HOST) == [
        "--memory-swappiness is not enforced: this kernel has no memory.swappiness (cgroup v2)",
        "--blkio-weight is not enforced: no disk of this host has an I/O scheduler that weighs (bfq)",
    ]


def test_devices() -> None:
    device = {"path": "/dev/null", "type": "c", "major": 9, "minor": 9, "fileMode": 0o600, "uid": 5, "gid": 6}
    plan = compiled({"linux": {"devices": [device]}})
    assert plan["devices"][0] == {"path": "/dev/null", "mode": 0o020600, "major": 9, "minor": 9, "uid": 5, "gid": 6}
    everything = [{"allow": True, "access": "rwm"}]
    assert plan["cgroup"]["devices"]
    assert compiled({"linux": {"resources": {"devices": everything}}})["cgroup"]["devices"] == ""


def test_sysctls() -> None:
    namespaces = [{"type": "mount"}, {"type": "uts"}, {"type": "network"}, {"type": "ipc"}]
    values = {"net.ipv4.conf.eth0/1.forwarding": "1", "net/ipv4/ip_forward": "0", "fs.mqueue.msg_max": "9"}
    assert compiled({"linux": {"namespaces": namespaces, "sysctl": values}})["sysctls"] == [
        ["net/ipv4/conf/eth0.1/forwarding", "1"],
        ["net/ipv4/ip_forward", "0"],
        ["fs/mqueue/msg_max", "9"],
    ]


def test_a_terminal_and_its_size() -> None:
    change = {"process": {"terminal": True, "consoleSize": {"height": 10, "width": 20}}}
    assert compiled(change)["process"]["terminal"] == {"rows": 10, "columns": 20}
    assert compiled(change, size=TerminalSize(rows=3))["process"]["terminal"] == {"rows": 3, "columns": 20}


def test_the_filter_belongs_to_the_spec() -> None:
    change = {"annotations": {"ck.seccomp": "default"}}
    assert compiled(change, seccomp=b"12345678")["process"]["seccomp"] == "MTIzNDU2Nzg="
    with pytest.raises(ValueError, match="filter"):
        compiled(change)
    with pytest.raises(ValueError, match="filter"):
        compiled(seccomp=b"12345678")


def test_an_exec_session_takes_over_what_the_container_has() -> None:
    container = compiled({"annotations": {"ck.seccomp": "default", "ck.init": "true"}}, seccomp=b"12345678")
    request = ExecRequest(
        exec_id="e", process={**SPEC["process"], "terminal": True}, user="u", size=TerminalSize(rows=9)
    )
    plan = compile_exec_plan(request, container, host=HOST)
    assert plan["namespaces"] == ["mnt", "uts"]
    assert plan["cgroup"] == container["cgroup"]
    process = plan["process"]
    assert (process["seccomp"], process["user"], process["init"], process["make_cwd"]) == (
        "MTIzNDU2Nzg=",
        "u",
        False,
        False,
    )
    assert process["terminal"] == {"rows": 9, "columns": 0}
    assert json.loads(json.dumps(plan)) == plan
