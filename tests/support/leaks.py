"""What an engine has on the machine that none of its containers, networks, images and volumes accounts for.

Independent of the engine's own bookkeeping: the API says what there should be, the machine what there is.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
from docker.errors import NotFound

from ck.kernel.linux.cgroup import detect, groups
from tests.support.census import command_name, processes
from tests.support.daemon import Daemon
from tests.support.machine import Machine


def inspected(api: docker.APIClient) -> list[dict[str, Any]]:
    """What `inspect` says of each container there is; one that goes after it was listed is not there."""
    found = []
    for each in api.containers(all=True):
        with suppress(NotFound):
            found.append(api.inspect_container(each["Id"]))
    return found


def leaks(daemon: Daemon, api: docker.APIClient, machine: Machine) -> list[str]:
    """Sentences, one for each thing."""
    shown = inspected(api)
    every = {each["Id"] for each in shown}
    running = {each["Id"]: each for each in shown if each["State"]["Running"] and not each["State"]["Restarting"]}
    data, run = daemon.data_root / "data", daemon.run_root
    storage = data / "storage" / api.info()["Driver"]
    layout = detect()
    mine = {group.container_id for group in groups(layout) if group.owner == str(run / "runtime/native")}
    found = [
        *_strange("container directory", data / "containers", every),
        *_strange("root", storage / "containers", every),
        *_strange("run", run / "runtime/native", {*running, "cgroup", "rehearsal", "forkserver.log"}),
        *_strange("volume", data / "volumes/local", {each["Name"] for each in api.volumes()["Volumes"] or ()}),
        *_strange("half a layer", storage / "tmp", set()),
        *(f"control group {name}" for name in mine - running.keys()),
        *(f"lost control group {name}" for name in running.keys() - mine),
    ]
    networks = {each["Id"]: each for each in api.networks()}
    bridged = [
        network
        for each in running.values()
        for name, network in each["NetworkSettings"]["Networks"].items()
        if name not in ("host", "none")
    ]
    links = machine.links()
    veths = [link for link in links if link.startswith("ckv")]
    bridges = {link for link in links if link.startswith("ck") and link not in veths}
    expected = {"ck0", *(f"ck{network[:12]}" for network in networks)}
    found += [f"network link {link}" for link in bridges - expected]
    if len(veths) != len(bridged):
        found.append(f"{len(veths)} veth links for {len(bridged)} endpoints")
    addresses = sorted(address for network in bridged if (address := network["IPAddress"]))
    if len(set(addresses)) != len(addresses):
        found.append(f"an address twice: {addresses}")
    shims = [pid for pid in processes([str(run)], of=()) if command_name(pid) == "ck-shim"]
    if len(shims) != len(running):
        found.append(f"{len(shims)} shims for {len(running)} running containers")
    return found


def _strange(kind: str, directory: Path, known: set[str]) -> list[str]:
    if not directory.exists():
        return []
    return [f"{kind} {path}" for path in directory.iterdir() if path.name not in known]
