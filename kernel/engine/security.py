"""`--security-opt`: parsed, and Docker's seccomp profiles turned into what the OCI runtime spec knows. Pure."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import attrs

from ck.kernel.errors import InvalidArgument, Unsupported

_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_REFUSALS: Final = {f"SCMP_ACT_{action}" for action in ("ERRNO", "KILL", "KILL_PROCESS", "KILL_THREAD", "TRAP")}
_FILTERS: Final = {"arches", "caps", "minKernel"}  # moby, profiles/seccomp/seccomp.go, Filter


@attrs.frozen(kw_only=True)
class SecurityOptions:
    """`seccomp` is "default", "unconfined" or a profile's JSON text."""

    seccomp: str = "default"
    no_new_privileges: bool = False
    unmasked: bool = False  # systempaths=unconfined


def parse_security_options(options: Sequence[str], *, privileged: bool) -> SecurityOptions:
    """Raises: InvalidArgument for an unknown one; Unsupported for a confinement that this engine cannot give."""
    parsed = SecurityOptions(seccomp="unconfined" if privileged else "default")
    for option in options:
        # Docker takes "key:value" as well, from its first versions.
        separator = "=" if "=" in option else ":"
        key, _, value = option.partition(separator)
        if key == "seccomp":
            parsed = attrs.evolve(parsed, seccomp="default" if value in ("builtin", "default") else value)
        elif key == "no-new-privileges":
            if value not in ("", "true", "false"):
                raise InvalidArgument(f"invalid --security-opt {option!r}: expected true or false")
            parsed = attrs.evolve(parsed, no_new_privileges=value != "false")
        elif option == "systempaths=unconfined":
            parsed = attrs.evolve(parsed, unmasked=True)
        elif key in ("apparmor", "label"):
            if value not in ("unconfined", "disable", ""):
                raise Unsupported(f"cannot honour --security-opt {option!r}: this engine applies no {key} policy")
        else:
            raise InvalidArgument(f"invalid --security-opt {option!r}")
    return parsed


def seccomp_object(profile: str, capabilities: Collection[str], machine: str, release: str) -> Mapping[str, Any]:
    """A Docker seccomp profile (JSON text) as the OCI `linux.seccomp` object for a container with *capabilities*.

    *machine* and the kernel's *release* are as uname(2) has them. Raises: InvalidArgument.
    """
    try:
        given = json.loads(profile)
        if not isinstance(given, dict):
            raise InvalidArgument("the seccomp profile is no JSON object")
        if not given.get("defaultAction"):
            raise InvalidArgument("the seccomp profile has no defaultAction")
        architectures = list(given.get("architectures", ()))
        for entry in given.get("archMap") or ():
            architectures += [entry["architecture"], *(entry.get("subArchitectures") or ())]
        rules = [_rule(rule) for rule in given.get("syscalls") or () if _applies(rule, capabilities, machine, release)]
        if given["defaultAction"] in _REFUSALS and not any("execve" in rule["names"] for rule in rules):
            raise InvalidArgument("with the seccomp profile no program can start: it does not allow execve")
        converted: dict[str, Any] = {"defaultAction": given["defaultAction"], "syscalls": rules}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidArgument(f"the seccomp profile cannot be read: {error!r}") from error
    if architectures:
        converted["architectures"] = architectures
    if given.get("defaultErrnoRet") is not None:
        converted["defaultErrnoRet"] = given["defaultErrnoRet"]
    return converted


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    names = list(rule.get("names") or ()) + ([rule["name"]] if rule.get("name") else [])
    converted: dict[str, Any] = {"names": names, "action": rule["action"]}
    if rule.get("errnoRet") is not None:
        converted["errnoRet"] = rule["errnoRet"]
    if rule.get("args"):
        converted["args"] = [
            {key: argument[key] for key in ("index", "value", "valueTwo", "op") if key in argument}
            for argument in rule["args"]
        ]
    return converted


def _applies(rule: Mapping[str, Any], capabilities: Collection[str], machine: str, release: str) -> bool:
    includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
    if unknown := ({*includes, *excludes} - _FILTERS):
        raise InvalidArgument(f"the seccomp profile has a rule that depends on {min(unknown)!r}, which is not known")
    architecture = _ARCHITECTURES.get(machine, machine)
    if includes.get("arches") and architecture not in includes["arches"]:
        return False
    if architecture in (excludes.get("arches") or ()):
        return False
    if not set(includes.get("caps") or ()) <= set(capabilities):
        return False
    if set(excludes.get("caps") or ()) & set(capabilities):
        return False
    if (oldest := includes.get("minKernel")) and _version(release) < _version(oldest):
        return False
    return not ((oldest := excludes.get("minKernel")) and _version(release) >= _version(oldest))


def _version(release: str) -> tuple[int, int]:
    """Of "6.1.0-18-amd64", or of a profile's "4.8"."""
    found = re.match(r"(\d+)\.(\d+)", release)
    if found is None:
        raise InvalidArgument(f"the seccomp profile has the minKernel {release!r}, which is not like 4.8")
    return int(found[1]), int(found[2])
