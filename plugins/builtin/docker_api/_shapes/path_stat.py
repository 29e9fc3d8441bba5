"""A path's stat as Go writes it. Pure."""

import stat
from typing import Final

from ck.kernel.api.container import PathStat
from ck.plugins.builtin.docker_api._shapes.codec import Json
from ck.plugins.builtin.docker_api._shapes.times import rfc3339

_TYPES: Final = {
    # Go's os.FileMode has bits of its own (https://pkg.go.dev/io/fs#FileMode).
    stat.S_IFDIR: 1 << 31,
    stat.S_IFLNK: 1 << 27,
    stat.S_IFBLK: 1 << 26,
    stat.S_IFCHR: 1 << 26 | 1 << 21,
    stat.S_IFIFO: 1 << 25,
    stat.S_IFSOCK: 1 << 24,
    stat.S_IFREG: 0,
}
_BITS: Final = ((stat.S_ISUID, 1 << 23), (stat.S_ISGID, 1 << 22), (stat.S_ISVTX, 1 << 20))
_IRREGULAR: Final = 1 << 19


def go_mode(mode: int) -> int:
    """st_mode of stat(2) as Go's os.FileMode."""
    bits = sum(go for unix, go in _BITS if mode & unix)
    return (mode & 0o777) | bits | _TYPES.get(stat.S_IFMT(mode), _IRREGULAR)


def path_stat_json(path: PathStat) -> Json:
    return {
        "name": path.name,
        "size": path.size,
        "mode": go_mode(path.mode),
        "mtime": rfc3339(path.modified),
        "linkTarget": path.link_target,
    }
