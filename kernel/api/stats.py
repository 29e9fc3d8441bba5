"""What containers use, as a moment's measurements."""

from collections.abc import Mapping

import attrs

from ck.kernel.linux.cgroup import Accounts


@attrs.frozen(kw_only=True)
class Traffic:
    """Of one network interface of a container, since it was made."""

    rx_bytes: int = 0
    rx_packets: int = 0
    rx_errors: int = 0
    rx_dropped: int = 0
    tx_bytes: int = 0
    tx_packets: int = 0
    tx_errors: int = 0
    tx_dropped: int = 0


@attrs.frozen(kw_only=True)
class Sample:
    """One look at one container. `accounts` is None where it does not run. `host_cpu` are the nanoseconds that all
    CPUs of the host have been through, idle or not; `at_ns` is in UNIX nanoseconds."""

    container_id: str
    name: str
    at_ns: int
    accounts: Accounts | None
    networks: Mapping[str, Traffic] = attrs.field(factory=dict)
    host_cpu: int = 0
    host_memory: int = 0
    cpus: int = 0


@attrs.frozen(kw_only=True)
class Stats:
    """A sample, and the one before it, from which rates can be told: the last that somebody asked for, or that of the
    container's start, when all was zero."""

    now: Sample
    before: Sample
