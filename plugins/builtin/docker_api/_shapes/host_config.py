"""HostConfig and the API's object of the same name, which holds Resources inline. Pure."""

import math
from collections.abc import Mapping
from typing import Any, Final

from ck.kernel.api.container import (
    ContainerChange,
    DeviceRate,
    DeviceRequest,
    HostConfig,
    LogConfig,
    PortBinding,
    Resources,
    RestartPolicySpec,
    Ulimit,
)
from ck.kernel.drivers.restart import OnUnhealthy
from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.docker_api._shapes.codec import (
    FLAG,
    MAYBE_FLAG,
    MAYBE_WORDS,
    NUMBER,
    PAIR,
    TEXT,
    TEXT_MAP,
    WORDS,
    WORDS_OR_NULL,
    Codec,
    Field,
    Json,
    Table,
    expect_object,
    none_if,
    object_list,
    object_of,
)
from ck.plugins.builtin.docker_api._shapes.mounts import MOUNTS

_BINDING: Final = Table(Field("HostIp", "host_ip", TEXT), Field("HostPort", "host_port", TEXT))
_BINDINGS: Final = object_list(lambda json, where: PortBinding(**_BINDING.load(json, where)), _BINDING.dump)


def _load_ports(value: object, name: str) -> dict[str, tuple[PortBinding, ...]]:
    ports = expect_object(value, name).items()
    return {TEXT.load(port, name): _BINDINGS.load(bindings or [], f"{name}.{port}") for port, bindings in ports}


def _dump_ports(ports: Mapping[str, tuple[PortBinding, ...]]) -> Json:
    return {port: _BINDINGS.dump(bindings) for port, bindings in ports.items()}


_DEVICE: Final = Table(
    Field("PathOnHost", "path_on_host", TEXT),
    Field("PathInContainer", "path_in_container", TEXT),
    Field("CgroupPermissions", "permissions", TEXT),
)


def _load_device(json: Json, where: str) -> DeviceRequest:
    device = _DEVICE.load(json, where)
    if not device.get("path_on_host"):
        raise InvalidArgument(f"{where}PathOnHost must not be empty")
    device["path_in_container"] = device.get("path_in_container") or device["path_on_host"]
    device["permissions"] = device.get("permissions") or "rwm"
    return DeviceRequest(**device)


def _load_device_requests(value: object, name: str) -> tuple[str, ...]:
    """Docker's DeviceRequests, of which this engine has those of CDI. Raises: InvalidArgument for others."""
    found: list[str] = []
    for place, json in enumerate(value if isinstance(value, list) else [value]):
        request = expect_object(json, f"{name}[{place}]")
        asked = {key for key, content in request.items() if content}
        if request.get("Driver") != "cdi" or asked - {"Driver", "DeviceIDs"}:
            raise InvalidArgument(
                f"{name}[{place}] is not supported by this engine: only those of the driver 'cdi' are"
            )
        found += WORDS.load(request.get("DeviceIDs") or [], f"{name}[{place}].DeviceIDs")
    return tuple(found)


def _dump_device_requests(names: tuple[str, ...]) -> list[Json] | None:
    request = {"Driver": "cdi", "Count": 0, "DeviceIDs": list(names), "Capabilities": None, "Options": None}
    return [request] if names else None


_ULIMIT: Final = Table(Field("Name", "name", TEXT), Field("Soft", "soft", NUMBER), Field("Hard", "hard", NUMBER))


def _load_ulimit(json: Json, where: str) -> Ulimit:
    limit = _ULIMIT.load(json, where)
    if not limit.get("name"):
        raise InvalidArgument(f"{where}Name must not be empty")
    return Ulimit(name=limit["name"], soft=limit.get("soft", 0), hard=limit.get("hard", 0))


ULIMITS: Final = object_list(_load_ulimit, _ULIMIT.dump)

_LOG: Final = Table(Field("Type", "type", TEXT), Field("Config", "config", TEXT_MAP))


def _load_on_unhealthy(value: str, name: str) -> OnUnhealthy:
    try:
        return OnUnhealthy(value)
    except ValueError:
        raise InvalidArgument(f"{name} must be one of {', '.join(OnUnhealthy)}, not {value!r}") from None


def _load_backoff(value: object, name: str) -> dict[str, float]:
    numbers = expect_object(value, name)
    for option, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise InvalidArgument(f"{name}.{option} must be a number, not {number!r}")
    return numbers


_RESTART: Final = Table(
    Field("Name", "name", TEXT),
    Field("MaximumRetryCount", "maximum_retry_count", NUMBER),
    # What follows Docker has not, and is shown only where it was asked for.
    Field("Backoff", "backoff", Codec(_load_backoff, dict)),
    Field("OnUnhealthy", "on_unhealthy", Codec(_load_on_unhealthy, str)),
)


def _load_restart(value: object, name: str) -> RestartPolicySpec:
    return RestartPolicySpec(**_RESTART.load(expect_object(value, name), f"{name}."))


def _dump_restart(policy: RestartPolicySpec) -> Json:
    json = _RESTART.dump(policy)
    if not policy.backoff:
        del json["Backoff"]
    if policy.on_unhealthy is OnUnhealthy.NONE:
        del json["OnUnhealthy"]
    return json


def _load_network_mode(value: object, name: str) -> str:
    mode: str = TEXT.load(value, name)
    return "" if mode == "default" else mode


def _load_isolation(value: object, name: str) -> str:
    if value not in ("", "default"):
        raise InvalidArgument(f"{name} {value!r} is not supported on Linux: it is empty or 'default'")
    return str(value)


_RATE: Final = Table(Field("Path", "path", TEXT), Field("Rate", "rate", NUMBER))


def _load_rate(json: Json, where: str) -> DeviceRate:
    rate = _RATE.load(json, where)
    if not rate.get("path"):
        raise InvalidArgument(f"{where}Path must not be empty")
    return DeviceRate(path=rate["path"], rate=rate.get("rate", 0))


_RATES: Final = object_list(_load_rate, _RATE.dump)


RESOURCES: Final = Table(
    Field("CpuShares", "cpu_shares", NUMBER),
    Field("Memory", "memory", NUMBER),
    Field("NanoCpus", "nano_cpus", NUMBER),
    Field("BlkioWeight", "blkio_weight", NUMBER),
    Field("BlkioDeviceReadBps", "device_read_bps", _RATES),
    Field("BlkioDeviceWriteBps", "device_write_bps", _RATES),
    Field("BlkioDeviceReadIOps", "device_read_iops", _RATES),
    Field("BlkioDeviceWriteIOps", "device_write_iops", _RATES),
    Field("CpuPeriod", "cpu_period", NUMBER),
    Field("CpuQuota", "cpu_quota", NUMBER),
    Field("CpusetCpus", "cpuset_cpus", TEXT),
    Field("CpusetMems", "cpuset_mems", TEXT),
    Field("MemoryReservation", "memory_reservation", NUMBER),
    Field("MemorySwap", "memory_swap", NUMBER),
    Field("MemorySwappiness", "memory_swappiness", none_if(-1)),
    Field("OomKillDisable", "oom_kill_disable", FLAG),
    Field("OomKillGroup", "oom_kill_group", FLAG),
    Field("PidsLimit", "pids_limit", none_if(0, -1)),
)

HOST_CONFIG: Final = Table(
    Field("Binds", "binds", WORDS_OR_NULL),
    Field("ContainerIDFile", "container_id_file", TEXT),
    Field("LogConfig", "log_config", object_of(_LOG, LogConfig)),
    Field("NetworkMode", "network_mode", Codec(_load_network_mode, lambda mode: mode or "default")),
    Field("PortBindings", "port_bindings", Codec(_load_ports, _dump_ports)),
    Field("RestartPolicy", "restart_policy", Codec(_load_restart, _dump_restart)),
    Field("AutoRemove", "auto_remove", FLAG),
    Field("VolumeDriver", "volume_driver", TEXT),
    Field("VolumesFrom", "volumes_from", WORDS_OR_NULL),
    Field("ConsoleSize", "console_size", PAIR),
    Field("Annotations", "annotations", TEXT_MAP),
    Field("CapAdd", "cap_add", WORDS_OR_NULL),
    Field("CapDrop", "cap_drop", WORDS_OR_NULL),
    Field("CgroupnsMode", "cgroupns_mode", TEXT),
    Field("Dns", "dns", WORDS),
    Field("DnsOptions", "dns_options", WORDS),
    Field("DnsSearch", "dns_search", WORDS),
    Field("ExtraHosts", "extra_hosts", WORDS_OR_NULL),
    Field("GroupAdd", "group_add", WORDS_OR_NULL),
    Field("IpcMode", "ipc_mode", TEXT),
    Field("Links", "links", WORDS_OR_NULL),
    Field("DependsOn", "depends_on", WORDS),
    Field("OomScoreAdj", "oom_score_adj", NUMBER),
    Field("PidMode", "pid_mode", TEXT),
    Field("Privileged", "privileged", FLAG),
    Field("PublishAllPorts", "publish_all_ports", FLAG),
    Field("ReadonlyRootfs", "readonly_rootfs", FLAG),
    Field("SecurityOpt", "security_opt", WORDS_OR_NULL),
    Field("StorageOpt", "storage_opt", TEXT_MAP),
    Field("Tmpfs", "tmpfs", TEXT_MAP),
    Field("UTSMode", "uts_mode", TEXT),
    Field("UsernsMode", "userns_mode", TEXT),
    Field("ShmSize", "shm_size", NUMBER),
    Field("Sysctls", "sysctls", TEXT_MAP),
    Field("Runtime", "runtime", TEXT),
    Field("Isolation", "isolation", Codec(_load_isolation, str)),
    Field("CgroupParent", "cgroup_parent", TEXT),
    Field("Devices", "devices", object_list(_load_device, _DEVICE.dump)),
    Field("DeviceCgroupRules", "device_cgroup_rules", WORDS_OR_NULL),
    Field("DeviceRequests", "cdi_devices", Codec(_load_device_requests, _dump_device_requests)),
    Field("Ulimits", "ulimits", ULIMITS),
    Field("Init", "init", MAYBE_FLAG),
    Field("Mounts", "mounts", MOUNTS),
    Field("MaskedPaths", "masked_paths", MAYBE_WORDS),
    Field("ReadonlyPaths", "readonly_paths", MAYBE_WORDS),
)

_OMITTED_WHEN_EMPTY: Final = (
    "Annotations",
    "DependsOn",
    "Init",
    "Mounts",
    "StorageOpt",
    "Sysctls",
    "Tmpfs",
)

_NEVER_SET: Final[Mapping[str, object]] = {
    # Fields that Docker always shows, for which this engine has nothing to ask: the values mean "not set".
    "BlkioWeightDevice": [],
    "Cgroup": "",
    "CpuCount": 0,
    "CpuPercent": 0,
    "CpuRealtimePeriod": 0,
    "CpuRealtimeRuntime": 0,
    "IOMaximumBandwidth": 0,
    "IOMaximumIOps": 0,
}


def load_host_config(json: Mapping[str, Any]) -> HostConfig:
    """Raises: InvalidArgument, naming a field that is malformed or that this engine does not have."""
    resources = {key: value for key, value in json.items() if RESOURCES.knows(key)}
    rest = {key: value for key, value in json.items() if key not in resources}
    where = "HostConfig."
    return HostConfig(resources=Resources(**RESOURCES.load(resources, where)), **HOST_CONFIG.load(rest, where))


_NULLABLE: Final = frozenset({"MemorySwappiness", "OomKillDisable", "PidsLimit"})


def container_change(json: Mapping[str, Any]) -> ContainerChange:
    """The body of an update. There is no word for "as it is" in it but leaving a field out, so what says nothing (0,
    "", null) changes nothing; where null is a value, the others are too. Raises: InvalidArgument."""
    policy = json.get("RestartPolicy")
    asked = {
        key: value
        for key, value in json.items()
        if (value or (key in _NULLABLE and value is not None)) and key != "RestartPolicy"
    }
    resources = RESOURCES.load(asked, "")
    if resources.get("pids_limit", 0) is None:
        resources["pids_limit"] = -1  # no limit, where null would be the one that there is
    restart = _load_restart(policy, "RestartPolicy") if policy and policy.get("Name") else None
    return ContainerChange(resources=resources, restart_policy=restart)


def host_config_json(host: HostConfig) -> Json:
    """As `inspect` shows it."""
    json = HOST_CONFIG.dump(host) | RESOURCES.dump(host.resources) | dict(_NEVER_SET)
    for key in _OMITTED_WHEN_EMPTY:
        if json[key] is None or json[key] in ({}, []):
            del json[key]
    if not host.resources.oom_kill_group:
        del json["OomKillGroup"]  # Docker has not
    return json
