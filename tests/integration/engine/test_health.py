"""Health checks: every kind of probe, the events, what follows, and that they outlive the engine."""

import json
from typing import Any

import pytest

from tests.integration.engine.lab import Lab
from tests.support.census import settled

FAST = "--health-interval 100ms --health-retries 2 --health-timeout 2s"
SERVE = "mkdir /www; echo well > /www/ok; httpd -p 127.0.0.1:8080 -h /www; sleep 1000"


def health(lab: Lab, ref: str) -> str:
    return lab.inspect(ref, "{{.State.Health.Status}}")


def becomes(lab: Lab, ref: str, wanted: str) -> None:
    assert settled(lambda: health(lab, ref), wanted) == wanted, lab.inspect(ref, "{{json .State.Health}}")


def told(lab: Lab, ref: str) -> list[str]:
    return [action for action in lab.events(ref) if action.startswith("health_status")]


def probes(lab: Lab, ref: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(lab.inspect(ref, "{{json .State.Health.Log}}"))
    return found


def test_a_command_decides(lab: Lab) -> None:
    name = lab.up(f"{FAST} --health-cmd 'echo looked; test ! -e /tmp/sick'")
    assert health(lab, name) == "starting"
    assert "(health: starting)" in lab.ck("ps", "--filter", f"name={name}", "--format", "{{.Status}}")
    becomes(lab, name, "healthy")
    assert name in lab.ck("ps", "--filter", "health=healthy", "--format", "{{.Names}}")
    lab.ck("exec", name, "touch", "/tmp/sick")
    becomes(lab, name, "unhealthy")
    assert "(unhealthy)" in lab.ck("ps", "--filter", f"name={name}", "--format", "{{.Status}}")
    lab.ck("exec", name, "rm", "/tmp/sick")
    becomes(lab, name, "healthy")
    assert told(lab, name) == ["health_status: healthy", "health_status: unhealthy", "health_status: healthy"]
    assert {"looked\n"} == {probe["Output"] for probe in probes(lab, name)}


@pytest.mark.parametrize(
    ("flag", "well", "sick"),
    [
        ("--health-http", ":8080/ok", ":8080/missing"),
        ("--health-http", "http://127.0.0.1:8080/ok", ":8081/"),
        ("--health-tcp", "8080", "8081"),
    ],
)
def test_native_probes(lab: Lab, flag: str, well: str, sick: str) -> None:
    healthy = lab.up(f"{FAST} {flag} {well}", "sh", "-c", SERVE)
    unhealthy = lab.up(f"{FAST} {flag} {sick}", "sh", "-c", SERVE)
    becomes(lab, healthy, "healthy")
    becomes(lab, unhealthy, "unhealthy")


def test_a_probe_that_takes_too_long_is_killed(lab: Lab) -> None:
    name = lab.up("--health-interval 100ms --health-timeout 200ms --health-retries 1 --health-cmd 'sleep 777'")
    becomes(lab, name, "unhealthy")
    last = probes(lab, name)[-1]
    assert (last["ExitCode"], last["Output"]) == (-1, "Health check exceeded timeout (0.2s)")
    lab.ck("pause", name)  # from here on no probe begins
    assert settled(lambda: "sleep 777" in lab.ck("top", name), False) is False


def test_a_server_that_never_answers_is_unhealthy(lab: Lab) -> None:
    mute = "--health-interval 100ms --health-timeout 200ms --health-retries 1 --health-http :8080/"
    name = lab.up(mute, "nc", "-lk", "-p", "8080", "-e", "sleep", "1000")
    becomes(lab, name, "unhealthy")


def test_the_image_s_check_is_overruled(lab: Lab) -> None:
    name = lab.up("--no-healthcheck")
    assert lab.inspect(name, "{{json .State.Health}}") == "null"


def test_an_unhealthy_container_is_restarted(lab: Lab) -> None:
    name = lab.up(
        f"{FAST} --init --on-unhealthy restart --restart-backoff min=1ms --health-cmd 'test ! -e /tmp/sick'",
        *("sh", "-c", "rm /tmp/sick; exec sleep 1000"),
    )
    becomes(lab, name, "healthy")
    lab.ck("exec", name, "touch", "/tmp/sick")
    assert settled(lambda: lab.inspect(name, "{{.RestartCount}}"), "1") == "1"
    becomes(lab, name, "healthy")
    assert lab.status(name) == "running 0"
    wanted = ["health_status: unhealthy", "kill", "die", "stop", "start", "health_status: healthy"]
    assert [action for action in lab.events(name) if action in wanted][-6:] == wanted


def test_an_unhealthy_container_is_stopped(lab: Lab) -> None:
    name = lab.up(f"{FAST} --init --restart always --on-unhealthy stop --health-cmd false")
    assert settled(lambda: lab.status(name), "exited 143") == "exited 143"
    assert lab.inspect(name, "{{.State.Health.Status}} {{.RestartCount}}") == "unhealthy 0"


def test_paused_containers_are_left_in_peace(lab: Lab) -> None:
    name = lab.up(f"{FAST} --health-cmd true")
    becomes(lab, name, "healthy")
    lab.ck("pause", name)
    lab.ck("unpause", name)
    assert told(lab, name) == ["health_status: healthy"]


def test_checks_go_on_after_an_engine_restart(own_lab: Lab) -> None:
    lab = own_lab
    name = lab.up(f"{FAST} --health-cmd 'test ! -e /tmp/sick'")
    served = lab.up(f"{FAST} --health-http :8080/ok", "sh", "-c", SERVE)
    becomes(lab, name, "healthy")
    becomes(lab, served, "healthy")
    lab.daemon.kill9()
    lab.daemon.start()
    assert health(lab, name) == "healthy"  # at once, and it is not told anew
    lab.ck("exec", name, "touch", "/tmp/sick")
    lab.ck("exec", served, "rm", "/www/ok")
    becomes(lab, name, "unhealthy")
    becomes(lab, served, "unhealthy")
    assert told(lab, name) == ["health_status: healthy", "health_status: unhealthy"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--health-tcp 0", "invalid port '0'"),
        ("--health-http https://localhost/", "invalid scheme 'https'"),
        ("--health-http db:80", "invalid host 'db'"),
        ("--health-cmd true --health-interval 10us", "Interval in Healthcheck cannot be less than one millisecond"),
        ("--health-cmd true --health-tcp 80", "conflicting options: --health-cmd and --health-tcp"),
        ("--on-unhealthy reboot", 'invalid argument "reboot"'),
        ("--on-unhealthy restart", "cannot specify both --on-unhealthy=restart and --rm"),
        ("--restart-backoff max=0s", "has no use"),
    ],
)
def test_bad_input(lab: Lab, options: str, sentence: str) -> None:
    lab.refused(options, sentence)


def test_unknown_probes_are_refused(lab: Lab) -> None:
    import docker
    from docker.errors import APIError

    api = docker.APIClient(base_url=f"unix://{lab.daemon.socket}", version="1.44")
    with pytest.raises(APIError, match="GRPC"):
        api.create_container(lab.image, "true", healthcheck={"test": ["GRPC", "80"]})
