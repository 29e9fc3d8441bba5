"""From a container to its OCI runtime spec."""

import json
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.api.container import Container, ContainerConfig, HostConfig, Resources, Ulimit
from ck.kernel.engine.capabilities import ALL, DEFAULT
from ck.kernel.engine.devices import Device
from ck.kernel.engine.spec import DEFAULT_PATH, MASKED_PATHS, READONLY_PATHS, Facts, build_spec, settled
from ck.kernel.engine.spec_mounts import Bind
from ck.kernel.errors import InvalidArgument, Unsupported

FACTS = Facts(root="/run/ck/root", capabilities=frozenset(ALL), machine="x86_64", release="6.1.0-18-amd64")


def container(host: HostConfig | None = None, **config: Any) -> Container:
    directory = "/var/lib/ck/containers/x"
    return Container(
        id="a" * 64,
        name="x",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        image_id="sha256:0",
        image_ref="i",
        path="sh",
        args=("-c", "true"),
        config=ContainerConfig(hostname="box", **config),
        host_config=host or HostConfig(),
        hosts_path=f"{directory}/hosts",
        hostname_path=f"{directory}/hostname",
        resolv_conf_path=f"{directory}/resolv.conf",
    )


def spec_of(host: HostConfig | None = None, facts: Facts = FACTS, **config: Any) -> dict[str, Any]:
    spec = build_spec(container(host, **config), facts)
    assert json.loads(json.dumps(spec)) == spec
    return spec


def targets(spec: dict[str, Any]) -> list[str]:
    return [mount["destination"] for mount in spec["mounts"]]


def test_the_default_is_walled() -> None:
    spec = spec_of()
    linux, process = spec["linux"], spec["process"]
    assert process["args"] == ["sh", "-c", "true"]
    assert set(process["capabilities"]["bounding"]) == set(DEFAULT)
    assert linux["maskedPaths"] == list(MASKED_PATHS)
    assert linux["readonlyPaths"] == list(READONLY_PATHS)
    assert {each["type"] for each in linux["namespaces"]} == {"mount", "pid", "network", "ipc", "uts", "cgroup"}
    assert spec["annotations"]["ck.seccomp"] == "default"
    assert linux["resources"]["devices"][0] == {"allow": False, "access": "rwm"}
    assert spec["hostname"] == "box"


def test_privileged_takes_the_walls_down() -> None:
    spec = spec_of(HostConfig(privileged=True))
    assert set(spec["process"]["capabilities"]["effective"]) == set(ALL)
    assert spec["linux"]["maskedPaths"] == [] == spec["linux"]["readonlyPaths"]
    assert "ck.seccomp" not in spec["annotations"]
    assert spec["linux"]["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
    assert "rw" in next(mount for mount in spec["mounts"] if mount["destination"] == "/sys")["options"]


def test_what_the_user_s_mounts_would_hide_is_left_out() -> None:
    facts = attrs.evolve(FACTS, binds=(Bind(source="/a", target="/sys"), Bind(source="/b", target="/dev/shm")))
    found = targets(spec_of(facts=facts))
    assert found.count("/sys") == found.count("/dev/shm") == 1
    assert "/sys/fs/cgroup" not in found and {"/dev", "/dev/pts", "/dev/mqueue", "/proc"} <= set(found)


PATHS = st.none() | st.lists(st.sampled_from(["/proc/kcore", "/x"])).map(tuple)
HOSTS = st.builds(
    HostConfig,
    privileged=st.booleans(),
    ipc_mode=st.sampled_from(["", "none", "private", "shareable", "host"]),
    cgroupns_mode=st.sampled_from(["", "private", "host"]),
    shm_size=st.sampled_from([0, 1 << 20]),
    security_opt=st.sampled_from([(), ("systempaths=unconfined",)]),
    masked_paths=PATHS,
    readonly_paths=PATHS,
)


@given(HOSTS)
def test_what_is_left_open_can_be_said(host: HostConfig) -> None:
    assert spec_of(settled(host)) == spec_of(host)
    assert settled(settled(host)) == settled(host)


def test_what_is_in_force_by_default() -> None:
    plain = settled(HostConfig())
    assert (plain.ipc_mode, plain.cgroupns_mode, plain.shm_size) == ("private", "private", 64 << 20)
    assert (plain.masked_paths, plain.readonly_paths) == (MASKED_PATHS, READONLY_PATHS)
    for bare in (HostConfig(privileged=True), HostConfig(security_opt=("systempaths=unconfined",))):
        assert settled(bare).masked_paths == settled(bare).readonly_paths == ()


def test_namespaces_that_are_shared() -> None:
    facts = attrs.evolve(
        FACTS,
        network_namespace="host",
        own_network=False,
        pid_namespace="/proc/7/ns/pid",
        ipc_namespace="host",
        ipc_root="/",
    )
    spec = spec_of(facts=facts)
    namespaces = {each["type"]: each.get("path") for each in spec["linux"]["namespaces"]}
    assert namespaces == {"mount": None, "pid": "/proc/7/ns/pid", "uts": None, "cgroup": None}
    assert spec["linux"]["sysctl"] == {}
    shm = next(mount for mount in spec["mounts"] if mount["destination"] == "/dev/shm")
    assert (shm["type"], shm["source"]) == ("bind", "/dev/shm")


def test_users_mounts_replace_the_defaults_and_come_in_order() -> None:
    binds = (Bind(source="/v", target="/data/deep"), Bind(source="/h", target="/etc/hosts", read_only=True))
    spec = spec_of(HostConfig(tmpfs={"/data": "size=1m"}), attrs.evolve(FACTS, binds=binds))
    order = targets(spec)
    assert order.count("/etc/hosts") == 1
    assert order.index("/data") < order.index("/data/deep")
    hosts = next(mount for mount in spec["mounts"] if mount["destination"] == "/etc/hosts")
    assert hosts["source"] == "/h" and "rro" in hosts["options"]


@pytest.mark.parametrize(
    ("propagation", "root"), [("rshared", "rshared"), ("slave", "rslave"), ("rprivate", "rprivate")]
)
def test_the_root_propagates_what_a_bind_asks_for(propagation: str, root: str) -> None:
    binds = (Bind(source="/v", target="/v", propagation=propagation),)
    assert spec_of(facts=attrs.evolve(FACTS, binds=binds))["linux"]["rootfsPropagation"] == root


def test_environment() -> None:
    env = spec_of(env=("PATH=/mine", "X=1"), tty=True)["process"]["env"]
    assert env == ["HOSTNAME=box", "TERM=xterm", "PATH=/mine", "X=1"]
    step = build_spec(attrs.evolve(container(), throwaway=True), FACTS)
    assert step["process"]["env"] == [f"PATH={DEFAULT_PATH}"]
    assert step["hostname"] == "box"


def test_devices_are_made_and_allowed() -> None:
    fuse = Device(path="/dev/fuse", kind="c", major=10, minor=229, mode=0o666, uid=0, gid=0, access="rw")
    linux = spec_of(facts=attrs.evolve(FACTS, devices=(fuse,)))["linux"]
    assert linux["devices"][0]["path"] == "/dev/fuse"
    assert {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"} in linux["resources"]["devices"]


def test_limits_and_ulimits() -> None:
    host = HostConfig(
        resources=Resources(memory=1 << 20, nano_cpus=1_500_000_000, pids_limit=5),
        ulimits=(Ulimit(name="nofile", soft=10, hard=20), Ulimit(name="core", soft=0, hard=-1)),
    )
    spec = spec_of(host)
    assert spec["linux"]["resources"]["memory"] == {"limit": 1 << 20}
    assert spec["linux"]["resources"]["cpu"] == {"period": 100_000, "quota": 150_000}
    assert spec["linux"]["resources"]["pids"] == {"limit": 5}
    assert {"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20} in spec["process"]["rlimits"]
    assert spec["annotations"]["ck.explicit-rlimits"] == "RLIMIT_NOFILE,RLIMIT_CORE"


@pytest.mark.parametrize(
    ("host", "facts", "named"),
    [
        (HostConfig(sysctls={"vm.swappiness": "1"}), FACTS, "vm.swappiness"),
        (HostConfig(sysctls={"net.core.somaxconn": "1"}), attrs.evolve(FACTS, network_namespace="host"), "somaxconn"),
        (
            HostConfig(sysctls={"net.core.somaxconn": "1"}),
            attrs.evolve(FACTS, network_namespace="/proc/7/ns/net", own_network=False),
            "in another container's network namespace",
        ),
        (
            HostConfig(sysctls={"kernel.sem": "1"}),
            attrs.evolve(FACTS, ipc_namespace="/proc/7/ns/ipc"),
            "in another container's IPC namespace",
        ),
        (HostConfig(sysctls={"kernel.sem": "1"}), attrs.evolve(FACTS, ipc_namespace="host"), "kernel.sem"),
        (HostConfig(ulimits=(Ulimit(name="files", soft=1, hard=1),)), FACTS, "files"),
        (HostConfig(ulimits=(Ulimit(name="core", soft=2, hard=1),)), FACTS, "core"),
        (HostConfig(device_cgroup_rules=("x 1:2 r",)), FACTS, "x 1:2 r"),
        (HostConfig(cap_add=("NOSUCH",)), FACTS, "NOSUCH"),
        (HostConfig(security_opt=("magic=1",)), FACTS, "magic=1"),
        (HostConfig(security_opt=("seccomp={",)), FACTS, "seccomp"),
        (HostConfig(security_opt=("apparmor=mine",)), FACTS, "apparmor=mine"),
        (HostConfig(cgroup_parent="../up"), FACTS, "../up"),
        (HostConfig(tmpfs={"relative": ""}), FACTS, "relative"),
    ],
)
def test_what_cannot_be_is_refused_by_name(host: HostConfig, facts: Facts, named: str) -> None:
    with pytest.raises((InvalidArgument, Unsupported), match=named):
        build_spec(container(host), facts)


@pytest.mark.parametrize(
    ("rule", "applies"),
    [
        ({}, True),
        ({"includes": {"minKernel": "6.1"}}, True),
        ({"includes": {"minKernel": "6.2"}}, False),
        ({"includes": {"minKernel": "5.19"}}, True),
        ({"excludes": {"minKernel": "6.1"}}, False),
        ({"excludes": {"minKernel": "6.10"}}, True),
        ({"includes": {"arches": ["amd64"], "minKernel": "99.0"}}, False),
    ],
)
def test_rules_that_depend_on_the_machine(rule: dict[str, Any], applies: bool) -> None:
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO", **rule}]}
    seccomp = spec_of(HostConfig(security_opt=(f"seccomp={json.dumps(profile)}",)))["linux"]["seccomp"]
    assert bool(seccomp["syscalls"]) == applies


@pytest.mark.parametrize(
    ("profile", "sentence"),
    [
        ("{}", "the seccomp profile has no defaultAction"),
        ('{"defaultAction": "SCMP_ACT_ERRNO"}', "no program can start: it does not allow execve"),
        ('{"defaultAction": []}', "the seccomp profile has no defaultAction"),
        ('{"defaultAction": ["x"]}', "the seccomp profile cannot be read"),
        ("[]", "the seccomp profile is no JSON object"),
        ('{"defaultAction": "x", "syscalls": [{"action": "y", "includes": {"minKernel": "new"}}]}', "minKernel 'new'"),
        ('{"defaultAction": "x", "syscalls": [{"action": "y", "includes": {"moon": "full"}}]}', "depends on 'moon'"),
    ],
)
def test_profiles_that_are_none(profile: str, sentence: str) -> None:
    with pytest.raises(InvalidArgument, match=sentence):
        spec_of(HostConfig(security_opt=(f"seccomp={profile}",)))


def test_a_docker_seccomp_profile_is_converted() -> None:
    profile = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 1,
        "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
        "syscalls": [
            {"names": ["read", "execve"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
            {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_ADMIN"]},
             "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_MASKED_EQ"}]},
            {"names": ["arm_sync"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64"]}},
        ],
    }  # fmt: skip
    seccomp = spec_of(HostConfig(security_opt=(f"seccomp={json.dumps(profile)}",)))["linux"]["seccomp"]
    assert [rule["names"] for rule in seccomp["syscalls"]] == [["read", "execve"], ["clone"]]
    assert seccomp["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]
    assert seccomp["defaultErrnoRet"] == 1
