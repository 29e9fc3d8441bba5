"""The container's control groups."""

import base64

from ck.kernel.linux.cgroup import Group, Layout, Setting, SettingRefused
from ck.plugins.builtin.runtime_native.child.plan import CgroupPlan
from ck.plugins.builtin.runtime_native.child.steps.failure import doing


def group_of(plan: CgroupPlan) -> Group:
    """The groups that *plan* names; touches nothing."""
    return Group(layout_of(plan), plan["container_id"])


def layout_of(plan: CgroupPlan) -> Layout:
    """Where they are."""
    return Layout(plan["unified"], plan["v1"], plan["parent"])


def create(plan: CgroupPlan) -> None:
    """Make them, with their limits. Raises: SettingRefused; NotADirectoryError as Group.create; StepFailed."""
    settings = [Setting(*setting) for setting in plan["settings"]]
    told = (SettingRefused, NotADirectoryError)
    with doing(f"make the control group of container {plan['container_id'][:12]}", but=told):
        group_of(plan).create(settings, base64.b64decode(plan["devices"]) or None)


def enter(plan: CgroupPlan) -> None:
    """Move this process there."""
    with doing(f"enter the control group of container {plan['container_id'][:12]}"):
        group_of(plan).enter()
