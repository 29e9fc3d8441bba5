"""The names of one image, and which of them go together. Pure."""

from typing import Self

import attrs


@attrs.frozen(kw_only=True)
class Names:
    """Normalized tags ("docker.io/library/ubuntu:20.04") and digests ("docker.io/library/ubuntu@sha256:...")."""

    tags: tuple[str, ...]
    digests: tuple[str, ...]

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self.tags or self.digests)

    @property
    def single(self) -> bool:
        """Whether they are as good as one name: at most one tag, and digests of that tag's repository only."""
        return len(self.tags) <= 1 and len({repository(name) for name in (*self.tags, *self.digests)}) <= 1

    def without(self, name: str) -> Self:
        """What is left without *name*. The last tag of a repository takes the repository's digests along: they came
        with it, and nobody would find them again."""
        tags = tuple(tag for tag in self.tags if tag != name)
        gone = repository(name)
        along = name in self.tags and gone not in map(repository, tags)
        digests = tuple(
            digest for digest in self.digests if digest != name and not (along and repository(digest) == gone)
        )
        return attrs.evolve(self, tags=tags, digests=digests)


def repository(name: str) -> str:
    """Of a normalized name: without its tag or digest. What has no tag (host/sh) is its own."""
    bare, at, _ = name.partition("@")
    return bare if at else bare.rpartition(":")[0] or bare
