"""The endpoints: one module a noun, each with a table ROUTES."""

from typing import Final

from ck.plugins.builtin.docker_api.router import Route
from ck.plugins.builtin.docker_api.routes import (
    archive,
    attach,
    build,
    container_verbs,
    containers,
    distribution,
    engine,
    events,
    execs,
    image_archives,
    images,
    networks,
    pack,
    search,
    stats,
    system,
    unsupported,
    volumes,
)

ROUTES: Final[tuple[Route, ...]] = (
    *system.ROUTES,
    *containers.ROUTES,
    *container_verbs.ROUTES,
    *attach.ROUTES,
    *archive.ROUTES,
    *execs.ROUTES,
    *image_archives.ROUTES,
    *images.ROUTES,
    *build.ROUTES,
    *pack.ROUTES,
    *search.ROUTES,
    *distribution.ROUTES,
    *volumes.ROUTES,
    *networks.ROUTES,
    *stats.ROUTES,
    *events.ROUTES,
    *engine.ROUTES,
    *unsupported.ROUTES,
)
