"""The options of an overlay mount. Pure. Source: Linux Documentation/filesystems/overlayfs.rst."""

from collections.abc import Sequence
from typing import Final

from ck.kernel.errors import Unsupported

PAGE: Final = 4096  # what mount(2) takes of options, with the NUL, on the smallest pages there are
FEATURES: Final = ("index=off", "metacopy=off", "redirect_dir=off")
"""Said explicitly, because each has a default that the kernel's build may turn on.

index=off: an upper directory is not tied to its lower ones by file handles, which a restored or copied data root would
break, and mounting a root once more for `cp` is no error. metacopy=off and redirect_dir=off: the upper layer is
complete in itself, so that what a container changed can be read from it, and nothing in an image can point elsewhere.
"""


def mount_options(lower: Sequence[str], upper: str, work: str, *, volatile: bool) -> tuple[str, ...]:
    """*lower* uppermost first, all paths relative to the directory the mount is made from, without ":" and ",".

    With *volatile* the kernel never flushes the upper layer, not even when it is unmounted.
    Raises: Unsupported where the options exceed what mount(2) takes.
    """
    paths = (f"lowerdir={':'.join(lower)}", f"upperdir={upper}", f"workdir={work}")
    options = (*paths, *FEATURES, *(("volatile",) if volatile else ()))
    if len(",".join(options)) >= PAGE:
        raise Unsupported(f"the image has {len(lower)} layers, more than one overlay mount can name")
    return options
