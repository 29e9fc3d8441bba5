"""Which seccomp filter a spec asks for. Pure: `_libseccomp` compiles it."""

import errno
from collections.abc import Collection, Mapping
from typing import Any, Final

from ck.kernel.drivers.runtime import OciSpec
from ck.kernel.errors import InvalidArgument
from ck.kernel.linux.seccomp import FILTER_FLAGS
from ck.plugins.builtin.runtime_native import _seccomp_profile as profile

ANNOTATION: Final = "ck.seccomp"
DEFAULT: Final = "default"

_ALLOW: Final = "SCMP_ACT_ALLOW"


def seccomp_of(spec: OciSpec, machine: str) -> Mapping[str, Any] | None:
    """The `linux.seccomp` object of *spec*, the default profile where annotation ck.seccomp is "default"; None for
    unconfined.

    Raises: InvalidArgument for another value of the annotation, or for both at once.
    """
    if not has_filter(spec):
        return None
    given: Mapping[str, Any] | None = (spec.get("linux") or {}).get("seccomp")
    wanted = (spec.get("annotations") or {}).get(ANNOTATION)
    if wanted is None:
        return given
    if wanted != DEFAULT or given:
        raise InvalidArgument(
            f"annotation {ANNOTATION} is {wanted!r}: it must be {DEFAULT!r}, without a linux.seccomp object"
        )
    capabilities = ((spec.get("process") or {}).get("capabilities") or {}).get("bounding") or ()
    return default_profile(capabilities, machine)


def has_filter(spec: OciSpec) -> bool:
    """Whether *spec* asks for any filter."""
    return bool((spec.get("linux") or {}).get("seccomp") or (spec.get("annotations") or {}).get(ANNOTATION))


def filter_flags(spec: OciSpec) -> int:
    """SECCOMP_FILTER_FLAG_* of *spec* as seccomp(2) takes them. Raises: InvalidArgument."""
    flags = 0
    for name in ((spec.get("linux") or {}).get("seccomp") or {}).get("flags") or ():
        if name not in FILTER_FLAGS:
            raise InvalidArgument(f"linux.seccomp.flags: there is no flag {name!r}")
        flags |= FILTER_FLAGS[name]
    return flags


def default_profile(capabilities: Collection[str], machine: str) -> dict[str, Any]:
    """The default profile for a container with these *capabilities* (names, its bounding set) on *machine* (`uname
    -m`).

    Raises: InvalidArgument for a machine that it does not know.
    """
    if machine not in profile.ARCHITECTURES:
        raise InvalidArgument(f"there is no default seccomp profile for the machine {machine!r}")
    allowed = {name for names in profile.ALWAYS.values() for name in names.split()}
    allowed |= set(profile.BY_MACHINE.get(machine, "").split())
    for capability in capabilities:
        allowed |= set(profile.BY_CAPABILITY.get(capability, "").split())
    rules: list[dict[str, Any]] = [{"names": sorted(allowed), "action": _ALLOW}]
    rules.append(_compare("socket", profile.SOCKET_FAMILIES_BELOW, "SCMP_CMP_LT"))
    rules += [_compare("socket", family, "SCMP_CMP_EQ") for family in profile.SOCKET_FAMILIES]
    rules += [_compare("personality", persona, "SCMP_CMP_EQ") for persona in profile.PERSONALITIES]
    if "CAP_SYS_ADMIN" not in capabilities:
        flags = 1 if machine == "s390x" else 0  # the only machine where they are clone's second argument
        rules.append(_compare("clone", profile.NAMESPACE_FLAGS, "SCMP_CMP_MASKED_EQ", index=flags))
        # Its flags lie in memory, where a filter cannot look; C libraries go back to clone when it does not exist.
        rules.append({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS})
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": errno.EPERM,
        "architectures": [f"SCMP_ARCH_{name}" for name in profile.ARCHITECTURES[machine]],
        "syscalls": rules,
    }


def _compare(name: str, value: int, operation: str, index: int = 0) -> dict[str, Any]:
    # A masked comparison has its mask in `value` and what must be left in `valueTwo`.
    argument = {"index": index, "value": value, "valueTwo": 0, "op": operation}
    return {"names": [name], "action": _ALLOW, "args": [argument]}
