"""Services in five languages, deployed the same way: built once, pushed, and run from the registry elsewhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.engine.lab import Lab
from tests.support.debian_image import debian_layout
from tests.support.registry import Registry

SERVICES = Path(__file__).with_name("services")
FETCH = """
import time, urllib.request
while True:
    try:
        print(urllib.request.urlopen("http://127.0.0.1:8000/", timeout=60).read().decode())
        break
    except OSError:
        time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Beside the base image for all of them, which has Debian's compilers and interpreters."""
    with Registry(tmp_path_factory.mktemp("ck-registry")) as running:
        running.push(debian_layout("languages"), "latest", "debian/languages:12")
        yield running


def base_of(registry: Registry) -> str:
    return f"{registry.address}/debian/languages:12"


def image_of(registry: Registry, language: str) -> str:
    return f"{registry.address}/services/{language}:1"


def greeting(lab: Lab, registry: Registry, language: str) -> str:
    """What the service says, run from the registry, since its image is not here."""
    name, image = lab.new_name(), image_of(registry, language)
    started = lab.daemon.ck("run", "-d", "--name", name, "--network", "none", image)
    assert f"Unable to find image '{image}' locally" in started.err, started
    fetch = ("--network", f"container:{name}", base_of(registry), "python3", "-c", FETCH)
    told = lab.ck("run", "--rm", *fetch)
    lab.ck("rm", "-f", name)
    lab.ck("rmi", image)
    return told


@pytest.mark.timeout(400)
@pytest.mark.parametrize("language", ["python", "node", "ruby", "java", "go"])
def test_a_service(lab: Lab, registry: Registry, language: str) -> None:
    image, base = image_of(registry, language), base_of(registry)
    arguments = ("--build-arg", f"BASE={base}", "--build-arg", "VERSION=1.2")
    lab.ck("build", "-t", image, *arguments, str(SERVICES / language))
    pushed = lab.ck("push", image)
    assert language == "go" or "Mounted from debian/languages" in pushed
    lab.ck("rmi", image)
    lab.ck("builder", "prune", "-af")
    assert greeting(lab, registry, language) == f"hello from {language}{' 1.2' if language == 'go' else ''}\n"


@pytest.mark.timeout(400)
def test_nothing_of_it_is_needed_here(lab: Lab, registry: Registry) -> None:
    lab.ck("rmi", base_of(registry))
    assert greeting(lab, registry, "java") == "hello from java\n"
    lab.ck("rmi", base_of(registry))
