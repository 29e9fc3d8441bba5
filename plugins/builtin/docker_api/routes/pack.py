"""Images of this machine's programs, which Docker has not."""

from typing import Final

from ck.kernel.drivers.registry import Packing
from ck.plugins.builtin.docker_api._shapes.codec import TEXT_MAP, WORDS, Field, Table
from ck.plugins.builtin.docker_api.exchange import Reply, Request, json_reply
from ck.plugins.builtin.docker_api.router import Route

_PACKING: Final = Table(
    Field("Programs", "programs", WORDS),
    Field("Entrypoint", "entrypoint", WORDS),
    Field("Env", "env", WORDS),
    Field("Labels", "labels", TEXT_MAP),
    Field("Tags", "tags", WORDS),
)


async def pack(request: Request) -> Reply:
    fields = {"programs": (), **_PACKING.load(request.json(), "")}
    tags = fields.pop("tags", ())
    return json_reply({"Id": await request.engine.images.pack(Packing(**fields), tags)}, status=201)


ROUTES: Final = (Route("POST", "/ck/pack", pack, watched=True),)
