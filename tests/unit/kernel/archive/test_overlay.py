"""The mount options fit into one page and say every feature explicitly."""

import pytest

from ck.kernel.archive.overlay import PAGE, mount_options
from ck.kernel.errors import Unsupported


def test_options_name_the_directories_and_switch_every_feature_off() -> None:
    assert mount_options(("l/a", "l/b"), "up", "work", volatile=False) == (
        "lowerdir=l/a:l/b",
        "upperdir=up",
        "workdir=work",
        "index=off",
        "metacopy=off",
        "redirect_dir=off",
    )
    assert mount_options(("l/a",), "up", "work", volatile=True)[-1] == "volatile"


def test_128_layers_fit_into_a_page() -> None:
    container = "containers/" + "f" * 64
    lower = [f"l/{number:08x}" for number in range(128)]
    assert len(",".join(mount_options(lower, f"{container}/upper", f"{container}/work", volatile=True))) < PAGE


def test_more_layers_than_fit_are_refused() -> None:
    with pytest.raises(Unsupported, match="500 layers"):
        mount_options([f"l/{number:08x}" for number in range(500)], "up", "work", volatile=False)
