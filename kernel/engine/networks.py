"""The noun `network`: for now the networks that are always there."""

from collections.abc import Sequence

from ck.kernel.api.volume import Network
from ck.kernel.engine.context import Context, now
from ck.kernel.engine.names import by_prefix
from ck.kernel.engine.predefined import PREDEFINED, predefined_network
from ck.kernel.errors import NotFound
from ck.kernel.lifecycle import ACTIVE


class Networks:
    """ck.kernel.api.engine.Networks."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._created = now()

    async def list(self) -> Sequence[Network]:
        offered = self._ctx.plugins.names("network")
        return [self._network(name) for name in PREDEFINED if name in offered]

    async def get(self, ref: str) -> Network:
        networks = {network.config.id: network for network in await self.list()}
        for network in networks.values():
            if ref in (network.config.name, network.config.id):
                return network
        found = by_prefix(ref, networks, "network")
        if found is None:
            raise NotFound(f"network {ref} not found")
        return networks[found]

    def _network(self, name: str) -> Network:
        on_it = {
            container.id: container.name
            for container in self._ctx.store.containers
            if container.state.status in ACTIVE and container.host_config.network_mode == name
        }
        return Network(config=predefined_network(name), created=self._created, containers=on_it)
