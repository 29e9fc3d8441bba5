"""Which IDs of the host a new container gets, as `--userns` and the config say."""

from pathlib import Path
from typing import Final

import trio

from ck.kernel.api.container import Container, IdRange
from ck.kernel.engine.context import Context
from ck.kernel.engine.users import Obstacles, choose_range, joined, parse_subordinates, shared_range, wants_users

_SUBORDINATES: Final = (Path("/etc/subuid"), Path("/etc/subgid"))


async def users_for(ctx: Context, container: Container) -> IdRange | None:
    """The range for *container*, None for the host's users. Raises: InvalidArgument, Conflict, NotFound."""
    host = container.host_config
    wanted = wants_users(host, ctx.config.default.userns, await obstacles(ctx))
    if others := joined(host):
        found = [ctx.find_container(other) for other in others]
        return shared_range(wanted, bool(host.userns_mode), found)
    if not wanted:
        return None
    foreign = await trio.to_thread.run_sync(_foreign)
    # Others may be created before the record of this one is saved.
    taken = [each.users for each in ctx.store.containers if each.users is not None]
    chosen = choose_range(ctx.config.users, [*foreign, *taken, *ctx.reserved_ranges.values()])
    ctx.reserved_ranges[container.id] = chosen
    return chosen


async def obstacles(ctx: Context) -> Obstacles:
    """What this machine has against users of their own."""
    if ctx.mapping_obstacles is None:
        needed = await ctx.runtime.mapping_obstacle([ctx.config.data_root])
        # Directories of the host that are mounted may be on a tmpfs, as the run root is: of that Linux 6.3 is the first
        # whose mounts can be mapped.
        wished = needed or await ctx.runtime.mapping_obstacle([ctx.config.run_root])
        ctx.mapping_obstacles = Obstacles(needed=needed, wished=wished)
    return ctx.mapping_obstacles


def _foreign() -> list[IdRange]:
    found = []
    for path in _SUBORDINATES:
        try:
            found += parse_subordinates(path.read_text(errors="replace"))
        except OSError:
            continue
    return found
