"""Images: list, pull, commit, inspect, history, tag, remove, prune."""

from datetime import UTC, datetime
from typing import Final

from ck.kernel.api.container import ContainerConfig
from ck.kernel.api.image import CommitRequest
from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.docker_api import streams, versions
from ck.plugins.builtin.docker_api._shapes.config import CONFIG
from ck.plugins.builtin.docker_api._shapes.filters import check_names
from ck.plugins.builtin.docker_api._shapes.image import (
    as_referred,
    history_json,
    image_json,
    image_summary_json,
    image_test,
    parents,
    removals_json,
    shared_sizes,
)
from ck.plugins.builtin.docker_api._shapes.reference import (
    asks_for_all_tags,
    header_credentials,
    platform_of,
    pull_reference,
    tagged,
)
from ck.plugins.builtin.docker_api.exchange import Reply, Request, json_reply
from ck.plugins.builtin.docker_api.router import Route

_PRUNE_FILTERS: Final = frozenset({"dangling", "label", "label!", "until"})


_HUB: Final = "docker.io/"


async def list_images(request: Request) -> Reply:
    images, filters = request.engine.images, request.filters()
    if old := request.query.text("filter"):  # until 1.41
        filters.setdefault("reference", [old])
    before = [(await images.get(ref)).created for ref in filters.get("before", ())]
    since = [(await images.get(ref)).created for ref in filters.get("since", ())]
    test = image_test(
        filters,
        images.familiar,
        datetime.now(UTC),
        before=before[0] if before else None,
        since=since[0] if since else None,
    )
    found = await images.list()
    shared = shared_sizes(found) if request.query.flag("shared-size") else {}
    below = parents(found)
    lines = [
        image_summary_json(
            as_referred(image, filters, images.familiar),
            images.familiar,
            parent=below.get(image.id, ""),
            shared=shared.get(image.id, -1),
        )
        for image in found
        if test(image)
    ]
    return json_reply([versions.image_fields(line, request.version) for line in lines])


async def commit(request: Request) -> Reply:
    query = request.query
    wanted = CommitRequest(
        target=tagged(query.text("repo"), query.text("tag")),
        author=query.text("author"),
        comment=query.text("comment"),
        pause=query.flag("pause", default=True),
        config=ContainerConfig(**CONFIG.load(request.json() or {}, "")),
        changes=tuple(query.all("changes")),
    )
    container = query.text("container")
    if not container:
        raise InvalidArgument("container must name the container to commit")
    return json_reply({"Id": await request.engine.images.commit(container, wanted)}, status=201)


async def pull(request: Request) -> None:
    query = request.query
    images, image, tag = request.engine.images, query.text("fromImage"), query.text("tag")
    reference = pull_reference(image, tag)
    if reference.startswith(_HUB):
        # The docker client writes every name out in full; a name that is short here may mean something else (host/sh).
        reference = images.familiar(reference)
    progress = images.pull(
        reference,
        platform_of(query.text("platform")),
        header_credentials(request.headers.get("x-registry-auth", "")),
        all_tags=asks_for_all_tags(image, tag),
    )
    await streams.progress(request, progress)


async def push(request: Request) -> None:
    name, tag = request.id, request.query.text("tag")
    credentials = header_credentials(request.headers.get("x-registry-auth", ""))
    all_tags = asks_for_all_tags(name, tag)
    await streams.progress(
        request, request.engine.images.push(pull_reference(name, tag), credentials, all_tags=all_tags)
    )


async def inspect(request: Request) -> Reply:
    images = request.engine.images
    image = await images.get(request.id)
    return json_reply(versions.image_fields(image_json(image, images.familiar), request.version))


async def history(request: Request) -> Reply:
    images = request.engine.images
    return json_reply([history_json(entry, images.familiar) for entry in await images.history(request.id)])


async def tag(request: Request) -> Reply:
    target = tagged(request.query.text("repo"), request.query.text("tag"))
    if not target:
        raise InvalidArgument("repo must name the new tag's repository")
    await request.engine.images.tag(request.id, target)
    return Reply(status=201)


async def remove(request: Request) -> Reply:
    images, query = request.engine.images, request.query
    removals = await images.remove(request.id, force=query.flag("force"), prune=not query.flag("noprune"))
    return json_reply(removals_json(removals, images.familiar))


async def prune(request: Request) -> Reply:
    filters = request.filters()
    check_names(filters, _PRUNE_FILTERS)
    removals, space = await request.engine.images.prune(filters)
    deleted = removals_json(removals, request.engine.images.familiar)
    return json_reply({"ImagesDeleted": deleted or None, "SpaceReclaimed": space})


ROUTES: Final = (
    Route("GET", "/images/json", list_images),
    Route("POST", "/images/create", pull, watched=True),
    Route("POST", "/commit", commit),
    Route("POST", "/images/prune", prune),
    Route("POST", "/images/{id:path}/push", push, watched=True),
    Route("GET", "/images/{id:path}/json", inspect),
    Route("GET", "/images/{id:path}/history", history),
    Route("POST", "/images/{id:path}/tag", tag),
    Route("DELETE", "/images/{id:path}", remove),
)
