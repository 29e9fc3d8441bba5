"""ps, inspect, top, port, diff, events, prune, image rm."""

import json

from tests.integration.engine.lab import Lab


def test_ps_filters(lab: Lab) -> None:
    running, created = lab.up(f"--label {lab.name}=x"), lab.make(f"--label {lab.name}=y")
    ended = lab.up(f"--label {lab.name}=x", "sh", "-c", "exit 3")
    lab.ck("wait", ended)

    def shown(*filters: str) -> list[str]:
        flags = [word for each in (f"label={lab.name}", *filters) for word in ("-f", each)]
        return sorted(lab.ck("ps", "-a", *flags, "--format", "{{.Names}}").split())

    assert shown() == sorted([running, created, ended])
    assert shown("status=running") == [running]
    assert shown("status=created") == [created]
    assert shown("exited=3") == [ended]
    assert shown(f"label={lab.name}=x") == sorted([running, ended])
    assert shown(f"name={created}") == [created]
    assert shown(f"id={lab.inspect(ended, '{{.Id}}')[:12]}") == [ended]
    assert shown(f"before={ended}") == sorted([running, created])
    assert shown(f"since={running}") == sorted([created, ended])
    assert shown(f"ancestor={lab.image}") == shown()
    assert lab.ck("ps", "-q", "-f", f"name={created}") == ""
    assert "nonsense" in lab.fails("ps", "-f", "nonsense=1")
    assert "Exited (3)" in lab.ck("ps", "-a", "-f", f"name={ended}")


def test_inspect(lab: Lab) -> None:
    container = lab.up("-e A=b -v /anonymous -p 80:80 --label k=v --memory 64m")
    (record,) = json.loads(lab.ck("inspect", container))
    assert record["Name"] == f"/{container}" and record["State"]["Running"] is True and record["State"]["Pid"] > 1
    assert "A=b" in record["Config"]["Env"] and record["Config"]["Labels"] == {"k": "v"}
    assert record["HostConfig"]["Memory"] == 64 << 20 and record["Mounts"][0]["Destination"] == "/anonymous"
    template = '{{.Path}} {{json .Args}} {{index .Config.Labels "k"}} {{len .Mounts}}{{range .Mounts}} {{.Type}}{{end}}'
    assert lab.inspect(container, template) == 'sleep ["1000"] v 1 volume'
    assert "nosuch" in lab.fails("inspect", "nosuch")
    lab.fails("inspect", "-f", "{{.Nosuch", container)


def test_top_port_diff(lab: Lab) -> None:
    container = lab.up("-w /")
    assert lab.ck("top", container, "-o", "pid,comm").split()[-1] == "sleep"
    assert "ps must show the column PID" in lab.fails("top", container, "-o", "comm")
    assert lab.ck("port", container) == "" and lab.ck("diff", container) == ""
    script = "echo > /etc/passwd; rm /bin/ls; mkdir /new; touch /new/file; touch /dev/shm/x"
    lab.ck("exec", container, "sh", "-c", script)
    changes = ["C /bin", "D /bin/ls", "C /etc", "C /etc/passwd", "A /new", "A /new/file"]
    assert lab.ck("diff", container).splitlines() == changes
    lab.ck("stop", "-t", "0", container)
    assert "is not running" in lab.fails("top", container)


def test_events_survive_the_engine(own_lab: Lab) -> None:
    lab = own_lab
    container = lab.up("", "true")
    lab.ck("wait", container)
    lab.daemon.kill9()
    lab.daemon.start()
    lab.ck("start", container)
    lab.ck("wait", container)
    identifier = lab.inspect(container, "{{.Id}}")
    lab.ck("rm", container)
    assert lab.events(identifier) == ["create", "start", "die", "start", "die", "destroy"]


def test_prune(own_lab: Lab) -> None:
    lab = own_lab
    running, created = lab.up("-v /anonymous"), lab.make("-v /anonymous")
    identifier = lab.inspect(created, "{{.Id}}")
    lab.ck("volume", "create", f"{lab.name}-named")
    assert identifier in lab.ck("container", "prune", "-f")
    assert lab.ck("ps", "-a", "--format", "{{.Names}}") == f"{running}\n"
    assert len(lab.ck("volume", "ls", "-q").split()) == 3
    lab.ck("volume", "prune", "-f")
    assert len(lab.ck("volume", "ls", "-q").split()) == 2
    lab.ck("volume", "prune", "-af")
    assert len(lab.ck("volume", "ls", "-q").split()) == 1
    assert "deleted" not in lab.ck("image", "prune", "-af")
    assert "invalid filter" in lab.fails("container", "prune", "-f", "--filter", "nonsense=1")


def test_image_removal(own_lab: Lab) -> None:
    lab = own_lab
    identifier = lab.ck("images", "-q", "--no-trunc").strip()
    lab.ck("tag", lab.image, "ck-other:one")
    assert "must be forced" in lab.fails("rmi", identifier)
    assert lab.ck("rmi", lab.image).splitlines()[0] == f"Untagged: {lab.image}"
    container = lab.ck("create", "ck-other:one", "true").strip()
    assert f"container {container[:12]} (stopped) is using its image" in lab.fails("rmi", "ck-other:one")
    told = f"unable to delete {identifier[7:19]} (must be forced) - image is being used by stopped container"
    assert f"{told} {container[:12]}" in lab.fails("rmi", identifier)
    running = lab.ck("run", "-d", identifier[7:19], "sleep", "1000").strip()
    for options in ((), ("-f",)):
        told = f"unable to delete {identifier[7:19]} (cannot be forced) - image is being used by running container"
        assert f"{told} {running[:12]}" in lab.fails("rmi", *options, identifier)
    # The name can be forced off; the image stays as long as it has containers.
    assert lab.ck("rmi", "-f", "ck-other:one") == "Untagged: ck-other:one\n"
    assert "deleted" not in lab.ck("image", "prune", "-f") and lab.inspect(identifier, "{{.RepoTags}}") == "[]"
    lab.ck("rm", "-f", running, container)
    assert f"Deleted: {identifier}" in lab.ck("rmi", identifier)
    assert lab.ck("images", "-q") == "" and "No such image" in lab.fails("rmi", identifier)
    assert lab.run("", "true").code == 0  # pulled again
