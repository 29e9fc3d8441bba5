"""Capability sets of a spec as bit masks. Pure."""

from collections.abc import Collection
from typing import Final

from ck.kernel.errors import InvalidArgument, Unsupported
from ck.kernel.linux.capability import CAPABILITIES, mask_of, names_of
from ck.plugins.builtin.runtime_native._host import HostFacts
from ck.plugins.builtin.runtime_native._section import Section
from ck.plugins.builtin.runtime_native.child.plan import CapabilityPlan

_SETS: Final = ("bounding", "effective", "permitted", "inheritable", "ambient")


def compile_capabilities(section: Section, explicit: Collection[str], host: HostFacts) -> CapabilityPlan:
    """The sets, without what ckd itself lacks; no sets at all means none. One of *explicit* that is lacking is refused.

    Raises: InvalidArgument for an unknown name and for sets that capset(2) would refuse; Unsupported.
    """
    with section:
        masks = {name: _mask(section.texts(name)) for name in _SETS}
    lacking = _mask(explicit) & masks["bounding"] & ~host.capabilities
    if lacking:
        raise Unsupported(f"this host does not let the engine give the capability {names_of(lacking)[0]}")
    for smaller, larger in (("effective", "permitted"), ("ambient", "permitted"), ("ambient", "inheritable")):
        if excess := masks[smaller] & ~masks[larger]:
            raise InvalidArgument(
                f"capability {names_of(excess)[0]} is in the {smaller} set, but not in the {larger} set"
            )
    given = {name: mask & host.capabilities for name, mask in masks.items()}
    return CapabilityPlan(
        bounding=given["bounding"],
        effective=given["effective"],
        permitted=given["permitted"],
        inheritable=given["inheritable"],
        ambient=given["ambient"],
        last=host.last_capability,
    )


def _mask(names: Collection[str]) -> int:
    for name in names:
        if name not in CAPABILITIES:
            raise InvalidArgument(f"there is no capability {name!r}")
    return mask_of(names)
