"""What `diff` hides."""

from ck.kernel.drivers.storage import Change, ChangeKind
from ck.kernel.engine.changes import own_changes

ADDED, MODIFIED, DELETED = ChangeKind.ADDED, ChangeKind.MODIFIED, ChangeKind.DELETED


def test_mount_points_are_no_changes_of_the_container() -> None:
    made = [Change("/dev", ADDED), Change("/etc", MODIFIED), Change("/etc/hosts", ADDED), Change("/proc", ADDED)]
    assert own_changes(made) == []
    kept = [Change("/etc", MODIFIED), Change("/etc/own", ADDED), Change("/x", ADDED)]
    assert own_changes([*made[:1], *kept, *made[2:]]) == kept
    deleted = [Change("/dev", DELETED), Change("/etc", DELETED)]
    assert own_changes(deleted) == deleted
