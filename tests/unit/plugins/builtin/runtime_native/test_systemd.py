from pathlib import Path

import pytest

from ck.kernel.errors import Unsupported
from ck.plugins.builtin.runtime_native._systemd import scope_command, scope_name, slice_path


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a.slice", "a.slice"),
        ("a-b.slice", "a.slice/a-b.slice"),
        ("a-b-c.slice", "a.slice/a-b.slice/a-b-c.slice"),
        ("-.slice", ""),
    ],
)
def test_where_a_slice_is(name: str, path: str) -> None:
    assert slice_path(name) == path


@pytest.mark.parametrize("name", ["a--b.slice", "-a.slice", ".slice"])
def test_what_is_no_slice(name: str) -> None:
    with pytest.raises(Unsupported, match="is not the name of a systemd slice"):
        slice_path(name)


def test_each_engine_has_a_scope_of_its_own() -> None:
    assert scope_name(Path("/run/ck/runtime/native")) == "ck.scope"
    one, two = (scope_name(Path(f"/run/{name}/runtime/native")) for name in ("x", "y"))
    assert one != two and one.startswith("ck-") and one == scope_name(Path("/run/x/runtime/native"))
    assert scope_command(one, "ck.slice")[:5] == ["systemd-run", "--scope", "--quiet", "--collect", f"--unit={one}"]
