"""User namespaces and ID mappings of a spec. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from ck.kernel.drivers.runtime import OciSpec
from ck.kernel.errors import InvalidArgument, Unsupported
from ck.kernel.linux.user_namespace import MAXIMUM, IdMapping
from ck.plugins.builtin.runtime_native._section import Section
from ck.plugins.builtin.runtime_native.child.plan import NamespacePlan, UserPlan


class IdMappings(NamedTuple):
    """Of users and of groups; none where both are empty."""

    users: tuple[IdMapping, ...]
    groups: tuple[IdMapping, ...]

    def __bool__(self) -> bool:
        return bool(self.users or self.groups)


def compile_user(namespace: NamespacePlan | None, linux: Section) -> UserPlan | None:
    """The container's users, from the namespace that was made for it and linux.uidMappings and gidMappings.

    Raises: InvalidArgument, Unsupported.
    """
    users, groups = (read_mappings(linux.sections(key), f"linux.{key}") for key in ("uidMappings", "gidMappings"))
    if namespace is None:
        if users or groups:
            raise InvalidArgument("linux.uidMappings need a user namespace")
        return None
    if not namespace["path"]:
        raise Unsupported("the native runtime needs the path of a user namespace that was made before")
    roots = [next((each.outside for each in found if each.inside == 0), None) for found in (users, groups)]
    if roots[0] is None or roots[1] is None:
        raise InvalidArgument("linux.uidMappings and linux.gidMappings must map ID 0: the container needs a root")
    return UserPlan(path=namespace["path"], uid=roots[0], gid=roots[1])


def read_mappings(entries: list[Section], name: str) -> tuple[IdMapping, ...]:
    """A list of the spec. Raises: InvalidArgument."""
    found = []
    for entry in entries:
        with entry:
            numbers = [entry.integer(key) for key in ("containerID", "hostID", "size")]
        if any(number is None or number < 0 for number in numbers) or numbers[2] == 0:
            raise InvalidArgument(f"{name} has no mapping {numbers!r}")
        inside, outside, size = (number or 0 for number in numbers)
        if inside + size > MAXIMUM or outside + size > MAXIMUM:
            raise InvalidArgument(f"{name} maps beyond the last ID: {inside}:{outside}:{size}")
        found.append(IdMapping(inside, outside, size))
    return tuple(found)


def wanted_id_maps(spec: OciSpec) -> Iterator[IdMappings]:
    """The mappings that mounts ask for themselves, for each of which there must be a user namespace.

    Raises: InvalidArgument.
    """
    for place, mount in enumerate(spec.get("mounts") or ()):
        if mount.get("uidMappings") or mount.get("gidMappings"):
            yield mount_mappings(Section(mount, f"mounts[{place}]"))


def mount_mappings(mount: Section) -> IdMappings:
    """Of one mount; takes them out of *mount*. Raises: InvalidArgument."""
    users, groups = (read_mappings(mount.sections(key), mount.name(key)) for key in ("uidMappings", "gidMappings"))
    if bool(users) != bool(groups):
        raise InvalidArgument(f"{mount.name('uidMappings')} and gidMappings go together")
    return IdMappings(users, groups)
