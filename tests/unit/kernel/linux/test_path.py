import os
from pathlib import Path

import pytest

from ck.kernel.linux.path import RESOLVE_IN_ROOT, openat2


def test_nothing_resolves_out_of_the_root(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("inside")
    (tmp_path / "absolute").symlink_to("/etc/passwd")
    (tmp_path / "climbing").symlink_to("../../../../../../etc/passwd")
    root = os.open(tmp_path, os.O_PATH)
    try:
        for path in ("absolute", "climbing", "/etc/passwd", "../../etc/passwd"):
            with os.fdopen(openat2(root, path, os.O_RDONLY, resolve=RESOLVE_IN_ROOT)) as file:
                assert file.read() == "inside"
        with pytest.raises(FileNotFoundError):
            openat2(root, "/etc/shadow", os.O_RDONLY, resolve=RESOLVE_IN_ROOT)
    finally:
        os.close(root)
