"""What a program finds itself to be: namespaces, user, capabilities, limits, descriptors."""

import os
import resource

from tests.integration.runtime_init.outcome import Runner, SpecOf

KINDS = ("mnt", "pid", "uts", "ipc", "net", "cgroup")


def fields(status: str) -> dict[str, str]:
    return {key: value.strip() for key, _, value in (line.partition(":") for line in status.splitlines())}


def test_every_namespace_is_its_own(run: Runner, spec_of: SpecOf) -> None:
    script = "".join(f"readlink /proc/self/ns/{kind};" for kind in KINDS) + "hostname; ls /sys/class/net"
    outcome = run(spec_of("sh", "-c", script))
    *namespaces, hostname, interface = outcome.stdout.split()
    assert all(inside != os.readlink(f"/proc/self/ns/{kind}") for inside, kind in zip(namespaces, KINDS, strict=True))
    assert (hostname, interface) == ("ck-test", "lo")


def test_namespaces_that_are_not_asked_for_are_the_hosts(run: Runner, spec_of: SpecOf) -> None:
    spec = spec_of("sh", "-c", "for kind in net uts ipc pid; do readlink /proc/self/ns/$kind; done")
    spec["linux"]["namespaces"] = [{"type": "mount"}, {"type": "pid"}]
    del spec["hostname"]
    net, uts, ipc, pid = run(spec).stdout.split()
    assert [net, uts, ipc] == [os.readlink(f"/proc/self/ns/{kind}") for kind in ("net", "uts", "ipc")]
    assert pid != os.readlink("/proc/self/ns/pid")


def test_namespaces_are_joined_by_path(run: Runner, spec_of: SpecOf) -> None:
    spec = spec_of("sh", "-c", "for kind in net pid; do readlink /proc/self/ns/$kind; done")
    for namespace in spec["linux"]["namespaces"]:
        if namespace["type"] in ("network", "pid"):
            kind = "net" if namespace["type"] == "network" else "pid"
            namespace["path"] = f"/proc/self/ns/{kind}"
    assert run(spec).stdout.split() == [os.readlink(f"/proc/self/ns/{kind}") for kind in ("net", "pid")]


def test_it_is_process_1_of_its_own_session_with_three_descriptors(run: Runner, spec_of: SpecOf) -> None:
    assert run(spec_of("sh", "-c", "ls /proc/1/fd; echo $$")).stdout.split() == ["0", "1", "2", "1"]
    status = fields(run(spec_of("cat", "/proc/self/status")).stdout)
    assert (status["NSpid"], status["NSsid"], status["Umask"]) == ("1", "1", "0022")
    assert {status[name] for name in ("SigBlk", "SigIgn", "SigCgt")} == {"0" * 16}


def test_capabilities_seccomp_and_no_new_privileges_of_root(run: Runner, spec_of: SpecOf) -> None:
    spec = spec_of("cat", "/proc/self/status")
    status = fields(run(spec).stdout)
    assert status["CapEff"] == status["CapPrm"] == status["CapBnd"]
    assert int(status["CapBnd"], 16).bit_count() == len(spec["process"]["capabilities"]["bounding"])
    assert (status["CapAmb"], status["NoNewPrivs"], status["Seccomp"]) == ("0" * 16, "0", "2")


def test_another_user_has_no_capabilities_but_keeps_the_bounding_set(run: Runner, spec_of: SpecOf) -> None:
    spec = spec_of("cat", "/proc/self/status")
    spec["process"]["noNewPrivileges"] = True
    status = fields(run(spec, user="alice").stdout)
    assert status["Uid"].split() == ["1000"] * 4
    assert status["Gid"].split() == ["1000"] * 4
    assert status["Groups"].split() == ["29", "44", "1000"]
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    assert int(status["CapBnd"], 16) != 0
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_ambient_capabilities_reach_another_user(run: Runner, spec_of: SpecOf) -> None:
    spec = spec_of("cat", "/proc/self/status")
    for name in ("inheritable", "ambient"):
        spec["process"]["capabilities"][name] = ["CAP_NET_BIND_SERVICE"]
    status = fields(run(spec, user="1000:1000").stdout)
    assert int(status["CapEff"], 16) == int(status["CapAmb"], 16) == 1 << 10


def test_no_capabilities_at_all(run: Runner, spec_of: SpecOf) -> None:
    spec = spec_of("cat", "/proc/self/status")
    del spec["process"]["capabilities"]
    status = fields(run(spec).stdout)
    assert {int(status[name], 16) for name in ("CapBnd", "CapEff", "CapPrm", "CapInh", "CapAmb")} == {0}


def test_the_default_filter_refuses_new_namespaces_and_can_be_left_out(run: Runner, spec_of: SpecOf) -> None:
    spec = spec_of("unshare", "-U", "true")
    assert run(spec).code != 0
    del spec["annotations"]
    assert run(spec).code == 0


def test_a_filter_of_the_users_own(run: Runner, spec_of: SpecOf) -> None:
    spec = spec_of("sh", "-c", "mkdir /tmp/x; touch /tmp/y")
    del spec["annotations"]
    spec["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13}],
    }
    outcome = run(spec)
    assert outcome.code == 0
    assert "Permission denied" in outcome.stderr


def test_environment_home_and_working_directory(run: Runner, spec_of: SpecOf) -> None:
    spec = spec_of("sh", "-c", "pwd; echo $HOME; echo $A; stat -c %u:%g .")
    spec["process"]["env"].append("A=b c=d")
    spec["process"]["cwd"] = "/srv/made/here"
    assert run(spec, user="alice").stdout.splitlines() == ["/srv/made/here", "/home/alice", "b c=d", "1000:1000"]


def test_standard_streams_belong_to_the_user(run: Runner, spec_of: SpecOf) -> None:
    outcome = run(spec_of("sh", "-c", "echo out > /dev/stdout; echo err > /dev/stderr"), user="alice")
    assert (outcome.stdout, outcome.stderr, outcome.code) == ("out\n", "err\n", 0)


def test_rlimits_umask_and_oom_score(run: Runner, spec_of: SpecOf) -> None:
    spec = spec_of("sh", "-c", "ulimit -Sn; ulimit -Hn; umask; cat /proc/self/oom_score_adj")
    spec["process"] |= {
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}],
        "user": {"uid": 0, "gid": 0, "umask": 0o77},
        "oomScoreAdj": 300,
    }
    assert run(spec).stdout.split() == ["100", "200", "0077", "300"]


def test_a_default_limit_above_the_hosts_is_lowered(run: Runner, spec_of: SpecOf) -> None:
    spec = spec_of("sh", "-c", "ulimit -Hn")
    spec["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 1 << 30, "hard": 1 << 30}]
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert int(run(spec).stdout) in (most, 1 << 30)


def test_sysctls_of_its_own_namespaces(run: Runner, spec_of: SpecOf) -> None:
    spec = spec_of("cat", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/kernel/msgmax", "/proc/sys/kernel/domainname")
    spec["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "4096"}
    spec["domainname"] = "ck.example"
    assert run(spec).stdout.split() == ["1", "4096", "ck.example"]


def test_it_lives_in_its_own_control_group(run: Runner, spec_of: SpecOf) -> None:
    spec = spec_of(
        "sh", "-c", "cat /proc/self/cgroup; cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/unified/cgroup.procs"
    )
    spec["linux"]["resources"]["pids"] = {"limit": 50}
    outcome = run(spec)
    assert "0::/\n" in outcome.stdout
    assert "50\n" in outcome.stdout
    assert outcome.cgroup_pids in (1, 2)  # the shell, and its cat if that was quick


def test_an_unknown_user_is_a_sentence(run: Runner, spec_of: SpecOf) -> None:
    failure = run(spec_of("true"), user="nobody-here").failed
    assert failure["message"] == "unable to find user nobody-here: no matching entries in passwd file"
    assert (failure["exit_code"], failure["step"]) == (125, "identity")
