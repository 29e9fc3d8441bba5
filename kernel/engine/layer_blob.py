"""The bytes of stored layers, wherever they lie: blobs as they came from a registry, tars as they were made."""

import enum
import os
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Final

import attrs
import trio

from ck.kernel.api.image import Image
from ck.kernel.engine.context import Context
from ck.kernel.engine.inflate import GZIP_MAGIC, ZSTD_MAGIC
from ck.kernel.errors import NotFound, Unavailable

CHUNK: Final = 1 << 20


class Form(enum.StrEnum):
    """How a layer's tar is packed; the values end OCI media types."""

    TAR = "tar"
    GZIP = "tar+gzip"
    ZSTD = "tar+zstd"


@attrs.frozen(kw_only=True)
class LayerBlob:
    """`size` bytes of the file `path` from `offset` on, whose digest is `digest`."""

    digest: str
    size: int
    form: Form
    path: Path
    offset: int = 0


async def layer_blobs(ctx: Context, image: Image) -> Sequence[LayerBlob]:
    """A blob for each layer of *image*, lowest first. Raises: NotFound where the bytes of one are lost."""
    kept = image.layer_blobs or ("",) * len(image.diff_ids)
    return [
        await _kept(ctx, digest) if digest else await _tar(ctx, image, chain_id, diff_id)
        for digest, chain_id, diff_id in zip(kept, image.chain_ids, image.diff_ids, strict=True)
    ]


async def read_blob(blob: LayerBlob, offset: int = 0) -> AsyncGenerator[bytes]:
    """Its bytes from *offset* on, in chunks of at most 1 MiB. Raises: Unavailable."""
    fd = await trio.to_thread.run_sync(os.open, blob.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while offset < blob.size:
            chunk = await trio.to_thread.run_sync(os.pread, fd, min(CHUNK, blob.size - offset), blob.offset + offset)
            if not chunk:
                raise Unavailable(f"blob {blob.digest} has only {offset} of {blob.size} bytes")
            offset += len(chunk)
            yield chunk
    finally:
        os.close(fd)


async def _kept(ctx: Context, digest: str) -> LayerBlob:
    path = await ctx.content.path(digest)
    size, form = await trio.to_thread.run_sync(_look_at, path)
    return LayerBlob(digest=digest, size=size, form=form, path=path)


async def _tar(ctx: Context, image: Image, chain_id: str, diff_id: str) -> LayerBlob:
    tar = await ctx.storage.layer_tar(chain_id)
    if tar is None:
        raise NotFound(
            f"the bytes of layer {diff_id} of image {image.id} were not kept when it was pulled: pull it again"
        )
    return LayerBlob(digest=diff_id, size=tar.size, form=Form.TAR, path=tar.path, offset=tar.offset)


def _look_at(path: Path) -> tuple[int, Form]:
    """Size and form of a blob; the form by its first bytes, since media types lie."""
    with path.open("rb") as file:
        head = file.read(len(ZSTD_MAGIC))
        size = os.fstat(file.fileno()).st_size
    if head.startswith(GZIP_MAGIC):
        return size, Form.GZIP
    return size, Form.ZSTD if head == ZSTD_MAGIC else Form.TAR
