"""Containers as users ask for them and as the engine keeps them. The words are those of the Docker Engine API."""

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from ck.kernel.drivers.network import Endpoint, PublishedPort
from ck.kernel.drivers.restart import Ending, OnUnhealthy
from ck.kernel.lifecycle import State


@attrs.frozen(kw_only=True)
class HealthcheckConfig:
    """As in the image spec; durations in nanoseconds, 0 to inherit.

    `test` is ("NONE",), ("CMD", ...), ("CMD-SHELL", text), or the name of another health probe and its arguments.
    """

    test: tuple[str, ...] = ()
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class HealthStatus(enum.StrEnum):
    """Docker's words for the health of a container that has a check."""

    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


class Then(enum.StrEnum):
    """What a verb has begun to end a container for. Part of its record, so that another engine can finish the verb."""

    NOTHING = ""
    RESTART = "restart"
    REMOVE = "remove"
    REMOVE_VOLUMES = "remove with volumes"


@attrs.frozen(kw_only=True)
class HealthRecord:
    """One probe. `exit_code` -1 where it took too long or could not be made."""

    start: datetime
    end: datetime
    exit_code: int
    output: str


@attrs.frozen(kw_only=True)
class Health:
    """How a container is (Docker: Health). `log` has the last probes, oldest first."""

    status: HealthStatus = HealthStatus.STARTING
    failing_streak: int = 0
    log: tuple[HealthRecord, ...] = ()


@attrs.frozen(kw_only=True)
class ContainerConfig:
    """What depends on the program, not on the host (Docker: ContainerConfig). None means: as the image says."""

    image: str = ""
    hostname: str = ""
    domainname: str = ""
    user: str = ""
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    env: tuple[str, ...] = ()
    cmd: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    working_dir: str = ""
    volumes: tuple[str, ...] = ()  # container paths
    exposed_ports: tuple[str, ...] = ()  # "80/tcp"
    labels: Mapping[str, str] = attrs.field(factory=dict)
    stop_signal: str = ""
    stop_timeout: int | None = None  # seconds
    healthcheck: HealthcheckConfig | None = None
    shell: tuple[str, ...] | None = None
    on_build: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class RestartPolicySpec:
    """Docker: RestartPolicy. `name` is that of a restart supervisor; "" is "no".

    `backoff` and `on_unhealthy` are ck's: see ck.kernel.drivers.restart.Terms.
    """

    name: str = ""
    maximum_retry_count: int = 0
    backoff: Mapping[str, float] = attrs.field(factory=dict)
    on_unhealthy: OnUnhealthy = OnUnhealthy.NONE


@attrs.frozen(kw_only=True)
class LogConfig:
    """`type` names a log driver; "" is the config's default."""

    type: str = ""
    config: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class MountRequest:
    """One `--mount` (Docker: Mount). `type` is "bind", "volume" or "tmpfs"."""

    type: str
    target: str
    source: str = ""
    read_only: bool = False
    consistency: str = ""
    propagation: str = ""  # bind: rprivate private rshared shared rslave slave
    non_recursive: bool = False  # bind
    writable_below: bool = False  # bind: read-only but for what is mounted below (Docker: ReadOnlyNonRecursive)
    id_map: bool = False  # bind: what root makes inside belongs to the caller outside; ck's own
    id_map_alone: bool = False  # and nothing can be made there that is anybody else's
    beneath: str = ""  # the directory that links in `source` must not lead out of
    create_source: bool = False  # bind: -v makes a missing directory, --mount refuses
    no_copy: bool = False  # volume
    subpath: str = ""  # volume
    volume_driver: str = ""
    volume_labels: Mapping[str, str] = attrs.field(factory=dict)
    volume_options: Mapping[str, str] = attrs.field(factory=dict)
    tmpfs_size: int = 0  # bytes; 0 for the kernel's default
    tmpfs_mode: int = 0  # 0 for 01777
    tmpfs_options: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class DeviceRequest:
    """One `--device` (Docker: DeviceMapping)."""

    path_on_host: str
    path_in_container: str
    permissions: str = "rwm"


@attrs.frozen(kw_only=True)
class Ulimit:
    """One `--ulimit`; `name` as in setrlimit(2) without RLIMIT_, in lower case; -1 is unlimited."""

    name: str
    soft: int
    hard: int


@attrs.frozen(kw_only=True)
class PortBinding:
    host_ip: str = ""
    host_port: str = ""  # "", "8080", "8000-8010"


@attrs.frozen(kw_only=True)
class DeviceRate:
    """How much of a block device may be used in a second: bytes or operations (Docker: ThrottleDevice)."""

    path: str
    rate: int


@attrs.frozen(kw_only=True)
class Resources:
    """Limits (Docker: Resources); 0, None or "" is no limit."""

    memory: int = 0  # bytes
    memory_swap: int = 0
    memory_reservation: int = 0
    memory_swappiness: int | None = None
    nano_cpus: int = 0
    cpu_shares: int = 0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    pids_limit: int | None = None  # -1 is expressly no limit
    blkio_weight: int = 0
    device_read_bps: tuple[DeviceRate, ...] = ()
    device_write_bps: tuple[DeviceRate, ...] = ()
    device_read_iops: tuple[DeviceRate, ...] = ()
    device_write_iops: tuple[DeviceRate, ...] = ()
    oom_kill_disable: bool = False
    oom_kill_group: bool = False  # who runs out of memory loses all processes; ck's own


@attrs.frozen(kw_only=True)
class HostConfig:
    """What depends on the host (Docker: HostConfig)."""

    binds: tuple[str, ...] = ()  # "-v" as typed
    mounts: tuple[MountRequest, ...] = ()
    volumes_from: tuple[str, ...] = ()
    volume_driver: str = ""
    tmpfs: Mapping[str, str] = attrs.field(factory=dict)
    network_mode: str = ""  # "" is the config's default
    port_bindings: Mapping[str, tuple[PortBinding, ...]] = attrs.field(factory=dict)  # by "80/tcp"
    publish_all_ports: bool = False
    restart_policy: RestartPolicySpec = RestartPolicySpec()
    auto_remove: bool = False
    log_config: LogConfig = LogConfig()
    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    group_add: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    readonly_rootfs: bool = False
    devices: tuple[DeviceRequest, ...] = ()
    device_cgroup_rules: tuple[str, ...] = ()
    cdi_devices: tuple[str, ...] = ()  # "vendor.com/class=name" (Container Device Interface)
    ulimits: tuple[Ulimit, ...] = ()
    sysctls: Mapping[str, str] = attrs.field(factory=dict)
    init: bool | None = None
    pid_mode: str = ""  # "", "host", "container:X"
    ipc_mode: str = ""  # "", "none", "private", "shareable", "host", "container:X"
    uts_mode: str = ""  # "", "host"
    userns_mode: str = ""  # "", "host", "auto"
    cgroupns_mode: str = ""  # "", "private", "host"
    cgroup_parent: str = ""
    dns: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()  # "name:address"
    links: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()  # "NAME[:started|healthy|exited-ok]"; ck's own
    oom_score_adj: int = 0
    shm_size: int = 0  # bytes; 0 is 64 MiB
    storage_opt: Mapping[str, str] = attrs.field(factory=dict)
    runtime: str = ""
    resources: Resources = Resources()
    annotations: Mapping[str, str] = attrs.field(factory=dict)
    masked_paths: tuple[str, ...] | None = None  # None is the default list, or none with --privileged
    readonly_paths: tuple[str, ...] | None = None
    container_id_file: str = ""
    console_size: tuple[int, int] = (0, 0)  # rows, columns
    isolation: str = ""


@attrs.frozen(kw_only=True)
class EndpointRequest:
    """What a container asks of one network at create (Docker: EndpointSettings)."""

    aliases: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    ipv4_address: str = ""
    ipv6_address: str = ""
    mac_address: str = ""
    driver_options: Mapping[str, str] = attrs.field(factory=dict)
    gateway_priority: int = 0


@attrs.frozen(kw_only=True)
class ContainerSpec:
    """A request to create a container."""

    config: ContainerConfig
    host_config: HostConfig = HostConfig()
    networks: Mapping[str, EndpointRequest] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class ContainerChange:
    """A request to update a container: *resources* by attribute of Resources; what is not there stays as it is."""

    resources: Mapping[str, Any] = attrs.field(factory=dict)
    restart_policy: RestartPolicySpec | None = None


@attrs.frozen(kw_only=True)
class Created:
    id: str
    warnings: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class IdRange:
    """Users and groups of the host that are a container's: its root is *first*. Its IDs from *size* on are the host's
    that are higher by *others*, which it shares with other containers; it has none of them where that is 0."""

    first: int
    size: int
    others: int = 0


@attrs.frozen(kw_only=True)
class MountPoint:
    """A mount as `inspect` shows it. `source` is a host path, "" for tmpfs; `name` and `driver` are a volume's."""

    type: str
    destination: str
    source: str = ""
    name: str = ""
    driver: str = ""
    mode: str = ""  # as typed ("ro,z")
    read_write: bool = True
    propagation: str = ""
    non_recursive: bool = False
    writable_below: bool = False
    options: tuple[str, ...] = ()  # tmpfs: mount options
    subpath: str = ""
    anonymous: bool = False  # removed with the container by --rm and rm -v
    owner: tuple[int, int] | None = None  # uid and gid on disk of what is root's in the container
    owner_alone: bool = False
    beneath: str = ""


@attrs.frozen(kw_only=True)
class ContainerState:
    """`exit_code` as a shell counts. `error` is why the last start failed, "" if it did not."""

    status: State = State.CREATED
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    oom_limit: str = ""  # whose memory limit that was: see ck.kernel.drivers.runtime.ExitStatus
    started_at: datetime | None = None
    finished_at: datetime | None = None
    signal: int = 0  # that ended it
    limits_pending: bool = False  # an update has begun, and not all of its limits need be in force
    ending: Ending = Ending.PROGRAM  # who ended it, or is about to
    then: Then = Then.NOTHING
    health: Health | None = None  # None where there is no check
    boot_id: str = ""  # of the machine's boot in which it was started
    restarts_in_row: int = 0  # since the last long or wanted run
    backoff: float = 0.0  # seconds, of the last automatic restart, without chance's part
    restart_wait: float = 0.0  # seconds, chance's part included


@attrs.frozen(kw_only=True)
class Container:
    """A container as the store keeps it. `config` and `path`/`args` are the request merged with its image."""

    id: str  # 64 hex digits
    name: str  # without the slash
    created: datetime
    image_id: str  # "sha256:..." of the image's config
    image_ref: str  # as the user typed it
    path: str
    args: tuple[str, ...]
    config: ContainerConfig
    host_config: HostConfig
    state: ContainerState = ContainerState()
    networks: Mapping[str, EndpointRequest] = attrs.field(factory=dict)
    endpoints: Mapping[str, Endpoint] = attrs.field(factory=dict)  # by network name, while running
    ports: tuple[PublishedPort, ...] = ()  # while running
    mounts: tuple[MountPoint, ...] = ()
    layers: tuple[str, ...] = ()  # chain IDs that its root stands on, lowest first
    storage_driver: str = ""
    log_driver: str = ""
    log_path: str = ""
    runtime: str = ""
    platform: str = "linux"
    hostname_path: str = ""
    hosts_path: str = ""
    resolv_conf_path: str = ""
    restart_count: int = 0
    size_root_fs: int = 0  # bytes of the image's layers
    throwaway: bool = False  # of a step of a build, which removes it; if that is gone, the next engine does
    users: IdRange | None = None  # None: the host's


@attrs.frozen(kw_only=True)
class ExecSpec:
    """A request to create an exec session (Docker: ExecConfig)."""

    cmd: tuple[str, ...]
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    tty: bool = False
    env: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    privileged: bool = False
    detach_keys: str = ""
    console_size: tuple[int, int] = (0, 0)


@attrs.frozen(kw_only=True)
class ExecSession:
    """An exec session as `inspect` shows it. `exit_code` is None until it has ended."""

    id: str
    container_id: str
    spec: ExecSpec
    running: bool = False
    pid: int = 0
    exit_code: int | None = None


@attrs.frozen(kw_only=True)
class Processes:
    """`ck top`: ps(1) output for the container's processes."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@attrs.frozen(kw_only=True)
class PathStat:
    """A path in a container, for `cp`. `mode` is st_mode of stat(2)."""

    name: str
    size: int
    mode: int
    modified: datetime
    link_target: str = ""


@attrs.frozen(kw_only=True)
class Pruned:
    """What a prune removed, and how many bytes that freed."""

    ids: tuple[str, ...] = ()
    space: int = 0
