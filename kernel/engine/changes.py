"""What `diff` shows of a container's changes: not the places that were made to mount on. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

from ck.kernel.drivers.storage import Change, ChangeKind

_MOUNT_POINTS: Final = frozenset({"/dev", "/proc", "/sys", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"})


def own_changes(changes: Iterable[Change]) -> Sequence[Change]:
    """*changes* without what every start makes in an image that lacks it, as Docker hides it."""
    kept = [each for each in changes if each.path not in _MOUNT_POINTS or each.kind is not ChangeKind.ADDED]
    in_etc = any(each.path.startswith("/etc/") for each in kept)
    return [each for each in kept if each.path != "/etc" or in_etc or each.kind is ChangeKind.DELETED]
