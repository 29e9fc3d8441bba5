"""Capabilities, seccomp, masked paths, limits, devices, mounts of the engine's own, namespaces."""

import json
import os
from pathlib import Path

import docker
import pytest

from tests.integration.engine.lab import Lab

DEFAULT = 0xA80425FB
STATUS = "grep -E '^(CapEff|CapBnd|CapInh|NoNewPrivs|Seccomp):' /proc/self/status"


def status(lab: Lab, options: str) -> dict[str, int]:
    lines = lab.out(options, STATUS).splitlines()
    return {name: int(value, 16) for name, value in (line.split(":\t") for line in lines)}


def test_the_default_is_confined(lab: Lab) -> None:
    assert status(lab, "") == {"CapEff": DEFAULT, "CapBnd": DEFAULT, "CapInh": 0, "NoNewPrivs": 0, "Seccomp": 2}
    assert status(lab, "-u www-data")["CapEff"] == 0


def test_capabilities(lab: Lab) -> None:
    assert status(lab, "--cap-drop ALL")["CapBnd"] == 0
    chosen = status(lab, "--cap-drop ALL --cap-add net_bind_service --cap-add CAP_CHOWN")
    assert chosen["CapEff"] == chosen["CapBnd"] == 1 << 10 | 1
    host = int(next(line for line in Path("/proc/self/status").read_text().splitlines() if "CapBnd" in line)[8:], 16)
    assert status(lab, "--cap-add ALL")["CapEff"] == host
    privileged = status(lab, "--privileged")
    assert (privileged["CapEff"], privileged["Seccomp"]) == (host, 0)
    lab.refused("--cap-add NOPE", "invalid capability 'NOPE'")
    if not host & 1 << 24:
        lab.refused("--cap-add SYS_RESOURCE", "cannot add CAP_SYS_RESOURCE: the engine itself runs without it")


def test_seccomp(lab: Lab, tmp_path: Path) -> None:
    assert lab.run("", "unshare", "-U", "true").err.endswith("Operation not permitted\n")
    assert status(lab, "--security-opt seccomp=unconfined")["Seccomp"] == 0
    profile = tmp_path / "profile.json"
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
    made = lab.run(f"--security-opt seccomp={profile}", "mkdir", "/x")
    assert made.code == 1 and "Function not implemented" in made.err
    profile.write_text('{"defaultAction": "SCMP_ACT_ERRNO"}')
    lab.refused(f"--security-opt seccomp={profile}", "no program can start: it does not allow execve")
    profile.write_text("{")
    lab.refused(f"--security-opt seccomp={profile}", "is not JSON")
    lab.refused("--security-opt seccomp=/nosuch", "opening seccomp profile (/nosuch) failed")
    lab.refused("--security-opt nonsense", "invalid --security-opt: 'nonsense'")
    assert status(lab, "--security-opt no-new-privileges")["NoNewPrivs"] == 1


def test_kernel_files_are_out_of_reach(lab: Lab) -> None:
    script = "for f in /proc/sys/kernel/domainname /sys/x /sys/fs/cgroup/x; do echo > $f; done; true"
    result = lab.run("", "sh", "-c", script)
    assert result.err.count("Read-only file system") == 3, result.err
    assert lab.out("", "ls -A /sys/firmware; wc -c < /proc/timer_list").split() == ["0"]
    assert lab.out("--privileged", "touch /sys/fs/cgroup && : > /proc/sys/kernel/domainname && echo wrote") == "wrote\n"
    masked = lab.out("--security-opt systempaths=unconfined", "grep -c ' /proc/' /proc/mounts || true")
    assert masked == "0\n"


def test_mounts_on_the_kernel_s_directories(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine\n")
    for options in (f"-v {tmp_path}:/proc/1/fd", "-v /proc/self/attr", "--tmpfs /proc", "-v data:/proc"):
        lab.refused(options, "nothing can be mounted at /proc")
    for source in (tmp_path, tmp_path / "none"):
        lab.refused(f"-v {source}:/proc", f"{source} cannot be mounted at /proc: it is no procfs")
    assert os.listdir(tmp_path) == ["mine"]
    assert lab.out("-v /proc:/proc", "cat /proc/sys/kernel/ostype") == "Linux\n"
    assert lab.out(f"-v {tmp_path}/mine:/proc/cpuinfo", "cat /proc/cpuinfo") == "mine\n"
    for where in ("/sys", "/sys/fs"):
        assert lab.out(f"-v {tmp_path}:{where}", f"ls {where}") == "mine\n"


@pytest.mark.parametrize(
    "options", ["", "--privileged", "--security-opt systempaths=unconfined", "--ipc none", "--ipc host --shm-size 1m"]
)
def test_inspect_shows_what_is_in_force(lab: Lab, options: str) -> None:
    name = lab.make(options)
    shown = json.loads(lab.inspect(name, "{{json .HostConfig}}"))
    bare = "--privileged" in options or "systempaths" in options
    for key, some in (("MaskedPaths", "/proc/kcore"), ("ReadonlyPaths", "/proc/sys")):
        assert shown[key] == [] if bare else some in shown[key]
    assert shown["CgroupnsMode"] == "private"
    if "--ipc" not in options:
        assert (shown["IpcMode"], shown["ShmSize"]) == ("private", 64 << 20)
    client = docker.APIClient(base_url=f"unix://{lab.daemon.socket}")
    try:
        again = client.create_container_from_config({"Image": lab.image, "HostConfig": shown}, lab.new_name())["Id"]
    finally:
        client.close()
    assert json.loads(lab.inspect(again, "{{json .HostConfig}}")) == shown


def test_ulimits(lab: Lab) -> None:
    assert lab.out("--ulimit nofile=100:200 --ulimit core=0", "ulimit -n; ulimit -Hn; ulimit -c") == "100\n200\n0\n"
    hard = int(lab.out("", "ulimit -Hn"))
    assert hard >= 1024 and lab.out("", "ulimit -n") == "1024\n"
    if hard < 524288:
        sentence = f"ulimit nofile: {hard + 1} is above this host's hard limit of {hard}"
        lab.refused(f"--ulimit nofile={hard + 1}", sentence)
    lab.refused("--ulimit nosuch=1", "invalid ulimit type 'nosuch'")
    lab.refused("--ulimit nofile=200:100", "soft limit must be less than or equal to hard limit")


def test_sysctls(lab: Lab) -> None:
    own = "--network none --sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax=1000"
    assert lab.out(own, "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax") == "1\n1000\n"
    lab.refused("--sysctl kernel.panic=1", "sysctl 'kernel.panic' is not in a separate kernel namespace")
    lab.refused("--network none --sysctl net.nosuch=1", 'cannot set the sysctl "net.nosuch" to "1"')
    other = lab.up("--network host")
    for mode in (f"container:{other}", f"container:{lab.up(f'--network container:{other}')}"):
        told = "sysctl 'net.ipv4.ip_forward' is not allowed in another container's network namespace"
        lab.refused(f"--network {mode} --sysctl net.ipv4.ip_forward=0", told)
    host = "--network host --sysctl net.ipv4.ip_forward=1"
    lab.refused(host, "sysctl 'net.ipv4.ip_forward' is not allowed in the host's network namespace")


def test_devices(lab: Lab) -> None:
    assert "1,   3" in lab.out("--device /dev/null:/dev/other", "ls -l /dev/other")
    kept = lab.run("", "sh", "-c", "mknod /dev/fuse c 10 229; : < /dev/fuse")
    assert kept.code == 1 and "Operation not permitted" in kept.err
    allowed = "mknod /dev/fuse c 10 229 && : < /dev/fuse && echo opened"
    assert lab.out("--device-cgroup-rule 'c 10:229 rwm'", allowed) == "opened\n"
    assert lab.out("--privileged", "mount -t tmpfs none /tmp && ls /dev | wc -l") != lab.out("", "ls /dev | wc -l")
    lab.refused("--device /nosuch", "no such device /nosuch: No such file or directory")
    lab.refused("--device-cgroup-rule bad", "invalid device cgroup rule 'bad'")


def test_memory_file_systems(lab: Lab) -> None:
    look = "stat -c '%a %u' /t; grep ' /t ' /proc/mounts"
    out = lab.out("--tmpfs /t:size=1m,mode=700,uid=33,exec", look)
    assert out.startswith("700 33\n") and "size=1024k" in out and "noexec" not in out
    assert lab.out("--tmpfs /t", look).startswith("1777 0\ntmpfs /t tmpfs rw,nosuid,nodev,noexec")
    assert lab.run("--tmpfs /t:ro", "touch", "/t/x").code == 1
    assert lab.out("--shm-size 1m", "df -k /dev/shm | awk 'END{print $2}'") == "1024\n"
    assert lab.out("", "df -k /dev/shm | awk 'END{print $2}'") == "65536\n"
    lab.refused("--tmpfs relative", "invalid tmpfs mount 'relative': mount path must be absolute")
    lab.refused("--shm-size -1", "invalid size: '-1'")


def test_read_only(lab: Lab) -> None:
    result = lab.run("--read-only --tmpfs /tmp", "sh", "-c", "touch /tmp/x /dev/shm/x; touch /x /etc/hosts")
    assert result.err.count("Read-only file system") == 2 and result.code == 1, result.err


def test_init_reaps_and_hands_on(lab: Lab) -> None:
    script = "(sh -c 'sleep 0.01 &'); sleep 0.1; grep -l '^State:.Z' /proc/[0-9]*/status; exit 7"
    container = lab.up("--init", "sh", "-c", script)
    assert lab.ck("wait", container) == "7\n" and lab.ck("logs", container) == ""
    assert lab.out("--init", "cat /proc/1/comm; echo $$") == "ck-init\n2\n"
    script = "cat /proc/1/cmdline | tr '\\0' '|'; cat /proc/$$/cmdline | tr '\\0' '|'"
    assert lab.out("--init", script) == f"ck-init -- sh -c {script}|sh|-c|{script}|"
    assert "ck-init -- sh -c" in lab.out("--init", f"true {'x' * 9999}; cat /proc/1/cmdline")
    assert lab.run("--init", "sh", "-c", "kill -9 $$").code == 137
    assert lab.run("--init", "nosuch").code == 127


@pytest.mark.parametrize(
    ("option", "kind"), [("pid", "pid"), ("ipc", "ipc"), ("uts", "uts"), ("cgroupns", "cgroup"), ("network", "net")]
)
def test_namespaces_of_the_host(lab: Lab, option: str, kind: str) -> None:
    look = f"readlink /proc/self/ns/{kind}"
    host = os.readlink(f"/proc/self/ns/{kind}")
    assert lab.out(f"--{option} host", look).strip() == host
    assert lab.out("--network none", look).strip() != host
    lab.refused(f"--{option} nonsense", "nonsense")


def test_namespaces_of_another_container(lab: Lab) -> None:
    container = lab.up("--ipc shareable --network none")
    for option, kind in (("pid", "pid"), ("network", "net")):
        inside = lab.ck("exec", container, "readlink", f"/proc/self/ns/{kind}")
        assert lab.out(f"--{option} container:{container}", f"readlink /proc/self/ns/{kind}") == inside
    lab.refused("--network container:nosuch", "No such container: nosuch")
    lab.refused(f"--network container:{container} -h box", "conflicting options: hostname 'box' and the network mode")
    private = lab.up()
    lab.refused(f"--ipc container:{private}", f"the IPC namespace of container '{private}' is private")
    lab.ck("kill", container)
    lab.ck("wait", container)
    lab.refused(f"--network container:{container}", f"container '{container}': it is not running")


def test_shared_memory_of_another_container(lab: Lab) -> None:
    container = lab.up("--ipc shareable", "sh", "-c", "echo shared > /dev/shm/file; exec sleep 1000")
    assert lab.out(f"--ipc container:{container}", "cat /dev/shm/file") == "shared\n"


def test_network_none_has_a_loopback_that_is_up(lab: Lab) -> None:
    assert "LOOPBACK,UP" in lab.out("--network none", "ip addr")
    assert lab.out("--network none", "ls /sys/class/net; ping -c1 -W1 127.0.0.1 >/dev/null && echo up") == "lo\nup\n"
    assert lab.out("--network host", "ls /sys/class/net").split() == sorted(os.listdir("/sys/class/net"))
