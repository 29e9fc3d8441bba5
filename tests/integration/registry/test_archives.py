"""Archives and layouts that skopeo wrote."""

import subprocess
from pathlib import Path

import pytest
import trio

from ck.kernel.testing.registry import Sample, check_registry
from ck.plugins.builtin.registry_layout.plugin import make
from tests.support.oci_layout import AMD64, OciLayout, make_layer


@pytest.mark.parametrize(
    ("target", "reference"),
    [
        ("docker-archive:{}/x.tar:ck-test/x:1", "docker-archive:{}/x.tar:ck-test/x:1"),
        ("docker-archive:{}/y.tar", "docker-archive:{}/y.tar"),
        ("oci-archive:{}/z.tar:t", "docker-archive:{}/z.tar"),
        ("oci:{}/copy:v1", "oci:{}/copy:v1"),
    ],
)
def test_what_skopeo_writes(target: str, reference: str, tmp_path: Path) -> None:
    layout = OciLayout(tmp_path / "layout")
    layout.add_image("t", [make_layer({"a": b"1" * 9000}), make_layer({"b": b"2"}, "")])
    command = ["skopeo", "copy", "--quiet", f"oci:{layout.directory}:t", target.format(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    trio.run(check_registry, make({}), Sample(reference=reference.format(tmp_path), platform=AMD64))
