"""`version`, `info` and `system df`. Pure: what it needs to know of the host is handed in."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs

from ck.kernel.api.container import Container
from ck.kernel.api.engine import SystemInfo
from ck.kernel.api.image import CachedStep, DiskUsage, Image
from ck.kernel.api.volume import Volume
from ck.plugins.builtin.docker_api import versions
from ck.plugins.builtin.docker_api._shapes.codec import Json
from ck.plugins.builtin.docker_api._shapes.image import Familiar, image_summary_json
from ck.plugins.builtin.docker_api._shapes.times import rfc3339
from ck.plugins.builtin.docker_api._shapes.volume import volume_json


@attrs.frozen(kw_only=True)
class Host:
    """The machine. `architecture` as uname(1) says it, `goarch` as Go does; memory in bytes."""

    kernel: str
    architecture: str
    goarch: str
    operating_system: str
    os_version: str
    cpus: int
    memory: int
    python: str
    forwards_ipv4: bool


def version_json(host: Host) -> Json:
    details = {
        "ApiVersion": versions.spell(versions.NEWEST),
        "MinAPIVersion": versions.spell(versions.MINIMUM),
        "Os": "linux",
        "Arch": host.goarch,
        "KernelVersion": host.kernel,
        "Experimental": "false",
        "GitCommit": "",
        # Clients print this under "Go version"; the field has no other name.
        "GoVersion": f"none (Python {host.python})",
        "BuildTime": "",
    }
    return {
        "Platform": {"Name": "ck"},
        "Components": [{"Name": "Engine", "Version": versions.ENGINE, "Details": details}],
        "Version": versions.ENGINE,
        **{key: value for key, value in details.items() if key != "Experimental"},
    }


def info_json(info: SystemInfo, host: Host) -> Json:
    features = info.features
    return {
        "ID": info.id,
        "Containers": info.containers,
        "ContainersRunning": info.running,
        "ContainersPaused": info.paused,
        "ContainersStopped": info.stopped,
        "Images": info.images,
        "Driver": info.storage_driver,
        "DriverStatus": [list(pair) for pair in info.storage_status],
        "Plugins": _plugins_json(info),
        "MemoryLimit": True,
        "SwapLimit": True,
        "CpuCfsPeriod": True,
        "CpuCfsQuota": True,
        "CPUShares": True,
        "CPUSet": True,
        "PidsLimit": True,
        "OomKillDisable": str(features.get("cgroup_version", "")) == "1",
        "IPv4Forwarding": host.forwards_ipv4,
        "Debug": False,
        "NFd": 0,
        "NGoroutines": 0,
        "SystemTime": rfc3339(info.time),
        "LoggingDriver": info.log_driver,
        "CgroupDriver": str(features.get("cgroup_driver", "cgroupfs")),
        "CgroupVersion": str(features.get("cgroup_version", "1")),
        "NEventsListener": 0,
        "KernelVersion": host.kernel,
        "OperatingSystem": host.operating_system,
        "OSVersion": host.os_version,
        "OSType": "linux",
        "Architecture": host.architecture,
        "IndexServerAddress": "https://index.docker.io/v1/",
        "RegistryConfig": {"InsecureRegistryCIDRs": ["127.0.0.0/8", "::1/128"], "IndexConfigs": {}, "Mirrors": []},
        "NCPU": host.cpus,
        "MemTotal": host.memory,
        "GenericResources": None,
        "DockerRootDir": info.root,
        "HttpProxy": "",
        "HttpsProxy": "",
        "NoProxy": "",
        "Name": info.name,
        "Labels": [],
        "ExperimentalBuild": False,
        "ServerVersion": versions.ENGINE,
        "Runtimes": {info.runtime: {"path": "", "status": {str(key): str(features[key]) for key in features}}},
        "DefaultRuntime": info.runtime,
        "Swarm": {
            "NodeID": "",
            "NodeAddr": "",
            "LocalNodeState": "inactive",
            "ControlAvailable": False,
            "Error": "",
            "RemoteManagers": None,
        },
        "LiveRestoreEnabled": True,
        "Isolation": "",
        "InitBinary": "ck-init",
        "ContainerdCommit": {"ID": ""},
        "RuncCommit": {"ID": ""},
        "InitCommit": {"ID": ""},
        "SecurityOptions": _security(info),
        "CDISpecDirs": [str(directory) for directory in info.cdi_directories],
        "Warnings": list(info.warnings) or None,
    }


def _security(info: SystemInfo) -> list[str]:
    seccomp = ["name=seccomp,profile=builtin"] if info.features.get("seccomp") else []
    return [*seccomp, *(["name=userns"] if info.own_users else [])]


def _plugins_json(info: SystemInfo) -> Json:
    def names(kind: str) -> list[str]:
        return sorted(info.plugins.get(kind, ()))

    return {"Volume": names("volume"), "Network": names("network"), "Authorization": None, "Log": names("log")}


def _step_json(step: CachedStep) -> Json:
    return {
        "ID": step.key,
        "Type": "exec.cachemount" if step.is_directory else "regular",
        "Description": step.description,
        "InUse": step.in_use,
        "Shared": step.shared,
        "Size": step.size,
        "CreatedAt": rfc3339(step.created),
        "LastUsedAt": rfc3339(step.used),
        "UsageCount": step.uses,
    }


def usage_json(
    usage: DiskUsage,
    images: Sequence[Image],
    containers: Sequence[Json],
    records: Sequence[Container],
    volumes: Sequence[Volume],
    familiar: Familiar,
    kinds: Sequence[str],
) -> Json:
    """`system df`; *kinds* limits it to some of "container", "image", "volume", "build-cache", if not empty.
    *containers* are the summaries of *records*."""
    wanted = set(kinds) or {"container", "image", "volume", "build-cache"}
    users = Counter(record.image_id for record in records)
    json: dict[str, Any] = {}
    if "image" in wanted:
        json["LayersSize"] = usage.images_size
        json["ck"] = {"ImagesReclaimable": usage.images_free}
        json["Images"] = [
            {
                **image_summary_json(image, familiar, shared=usage.images[image.id].shared, containers=users[image.id]),
                "Size": usage.images[image.id].size,
            }
            for image in images
            if image.id in usage.images  # else it is newer than the look at the disk
        ]
    if "container" in wanted:
        json["Containers"] = list(containers)
    if "volume" in wanted:
        json["Volumes"] = [volume_json(volume, size=usage.volumes.get(volume.name, -1)) for volume in volumes]
    if "build-cache" in wanted:
        json["BuildCache"] = [_step_json(step) for step in usage.cache]
    return json
