import inspect
from pathlib import Path

import pytest

from ck.kernel.api import engine as api
from ck.kernel.api.container import (
    ContainerConfig,
    ContainerSpec,
    DeviceRequest,
    HostConfig,
    MountRequest,
    Resources,
)
from ck.kernel.config import Socket
from ck.kernel.engine.scope.rules import carries, check_power, confine_binds, confine_spec, labelled
from ck.kernel.engine.scope.verbs import VERBS
from ck.kernel.engine.spec import MASKED_PATHS, READONLY_PATHS
from ck.kernel.errors import Forbidden

NOUNS = {
    "containers": api.Containers,
    "execs": api.Execs,
    "images": api.Images,
    "volumes": api.Volumes,
    "networks": api.Networks,
    "system": api.System,
    "statistics": api.Statistics,
    "lifetime": api.Lifetime,
    "doctor": api.Doctor,
    "builder": api.Builder,
}


def scope(**options: object) -> Socket:
    return Socket(path=Path("/run/x.sock"), **options)  # type: ignore[arg-type]


def test_every_verb_of_the_engine_is_classified() -> None:
    assert VERBS.keys() == NOUNS.keys() == set(inspect.get_annotations(api.Engine))
    for noun, protocol in NOUNS.items():
        verbs = {name for name, _ in inspect.getmembers(protocol, inspect.isfunction) if not name.startswith("_")}
        assert VERBS[noun].keys() == verbs


def test_labels() -> None:
    team = scope(label="team=ci")
    assert carries(team, {"team": "ci", "x": "y"}) and not carries(team, {"team": "web"}) and not carries(team, {})
    assert carries(scope(), {})
    assert labelled(team, {"x": "y"}) == {"x": "y", "team": "ci"}
    with pytest.raises(Forbidden, match="not team=web"):
        labelled(team, {"team": "web"})


@pytest.mark.parametrize(
    ("host", "named"),
    [
        (HostConfig(privileged=True), "--privileged"),
        (HostConfig(cap_add=("sys_admin",)), "--cap-add sys_admin"),
        (HostConfig(cap_add=("ALL",)), "--cap-add ALL"),
        (HostConfig(devices=(DeviceRequest(path_on_host="/dev/sda", path_in_container="/x"),)), "--device /dev/sda"),
        (HostConfig(cdi_devices=("v.com/c=n",)), "--device v.com/c=n"),
        (HostConfig(device_cgroup_rules=("c 1:2 r",)), "--device-cgroup-rule"),
        (HostConfig(network_mode="host"), "--network host"),
        (HostConfig(pid_mode="host"), "--pid host"),
        (HostConfig(ipc_mode="host"), "--ipc host"),
        (HostConfig(uts_mode="host"), "--uts host"),
        (HostConfig(cgroupns_mode="host"), "--cgroupns host"),
        (HostConfig(userns_mode="host"), "--userns host"),
        (HostConfig(security_opt=("seccomp=unconfined",)), "--security-opt seccomp"),
        (HostConfig(security_opt=("apparmor=unconfined",)), "--security-opt apparmor"),
        (HostConfig(masked_paths=()), "other masked"),
        (HostConfig(masked_paths=MASKED_PATHS[1:]), "other masked"),
        (HostConfig(readonly_paths=("/proc/bus",)), "other masked"),
        (HostConfig(cgroup_parent="/system.slice"), "--cgroup-parent"),
        (HostConfig(oom_score_adj=-1), "--oom-score-adj"),
        (HostConfig(resources=Resources(oom_kill_disable=True)), "--oom-kill-disable"),
    ],
)
def test_no_power_over_the_host(host: HostConfig, named: str) -> None:
    with pytest.raises(Forbidden) as caught:
        check_power(host)
    assert named in str(caught.value)


def test_what_gives_no_power_is_fine() -> None:
    check_power(
        HostConfig(
            cap_add=("NET_RAW", "CAP_CHOWN"),
            cap_drop=("ALL",),
            security_opt=("no-new-privileges", "seccomp=builtin"),
            oom_score_adj=500,
            network_mode="bridge",
            masked_paths=(*MASKED_PATHS, "/proc/more"),
            readonly_paths=READONLY_PATHS,
            resources=Resources(memory=1 << 30),
        )
    )


def test_directories_of_the_host() -> None:
    confined = confine_binds(scope(binds=("/srv/ci",)), HostConfig(binds=("/srv/ci/a:/a:ro", "vol:/v")))
    assert confined.binds == ("vol:/v",)
    (mount,) = confined.mounts
    assert (mount.source, mount.beneath, mount.read_only) == ("/srv/ci/a", "/srv/ci", True)
    assert mount.id_map and mount.id_map_alone and not mount.create_source


@pytest.mark.parametrize("source", ["/", "/srv", "/srv/city", "/srv/ci/../../etc", "/etc"])
def test_other_directories_are_refused(source: str) -> None:
    for host in (HostConfig(binds=(f"{source}:/x",)), HostConfig(mounts=(bind(source),))):
        with pytest.raises(Forbidden, match="may not be mounted"):
            confine_binds(scope(binds=("/srv/ci",)), host)


def bind(source: str) -> MountRequest:
    return MountRequest(type="bind", source=source, target="/x")


def test_a_volume_that_is_a_directory_in_disguise() -> None:
    options = {"type": "none", "o": "bind", "device": "/etc"}
    mount = MountRequest(type="volume", source="v", target="/x", volume_options=options)
    with pytest.raises(Forbidden, match="volume option"):
        confine_binds(scope(unprivileged=True), HostConfig(mounts=(mount,)))


def test_without_a_list() -> None:
    host = HostConfig(binds=("/etc:/e",))
    assert confine_binds(scope(), host) == host
    with pytest.raises(Forbidden, match="no directories"):
        confine_binds(scope(unprivileged=True), host)


def test_a_whole_request() -> None:
    spec = ContainerSpec(config=ContainerConfig(image="i", labels={"a": "b"}))
    assert confine_spec(scope(label="t=c", unprivileged=True), spec).config.labels == {"a": "b", "t": "c"}
