"""What a build is asked for."""

from collections.abc import Mapping
from pathlib import Path

import attrs

from ck.kernel.api.container import Ulimit
from ck.kernel.drivers.registry import Credentials, Platform


@attrs.frozen(kw_only=True)
class BuildLimits:
    """What each RUN may take, as in ck.kernel.api.container.Resources."""

    memory: int = 0  # bytes
    memory_swap: int = 0
    cpu_shares: int = 0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""


@attrs.frozen(kw_only=True)
class Secret:
    """What a RUN may read and no layer keeps."""

    content: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class BuildRequest:
    """`tags` are references as users write them. `dockerfile` is a path in the context, or
    no more than a name where `dockerfile_text` is what it holds; `ignorefile_text` is what its own .dockerignore
    does. `build_args` are those with a value. `platform` None is this machine's. `network` is what RUN has by default:
    a network's name, "" for the config's default, "none" or "host"; `ulimits` and `cgroup_parent` are of RUN too.
    `epoch` (seconds) is SOURCE_DATE_EPOCH, which what RUN writes has too if `reproducible`, and then None is 0.
    `credentials` are by registry host. `agents` are sockets of SSH agents, by the ID that a mount names.
    """

    tags: tuple[str, ...] = ()
    dockerfile: str = "Dockerfile"
    dockerfile_text: bytes | None = attrs.field(default=None, repr=False)
    ignorefile_text: bytes | None = attrs.field(default=None, repr=False)
    target: str = ""
    build_args: Mapping[str, str] = attrs.field(factory=dict)
    labels: Mapping[str, str] = attrs.field(factory=dict)
    platform: Platform | None = None
    use_cache: bool = True
    cache_from: tuple[str, ...] = ()
    pull: bool = False
    network: str = ""
    extra_hosts: tuple[str, ...] = ()  # "name:address"
    shm_size: int = 0
    limits: BuildLimits = BuildLimits()
    ulimits: tuple[Ulimit, ...] = ()
    cgroup_parent: str = ""
    epoch: int | None = None
    reproducible: bool = False
    credentials: Mapping[str, Credentials] = attrs.field(factory=dict, repr=False)
    secrets: Mapping[str, Secret] = attrs.field(factory=dict, repr=False)
    agents: Mapping[str, Path] = attrs.field(factory=dict)
