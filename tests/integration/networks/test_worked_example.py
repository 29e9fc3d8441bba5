"""WordPress and MySQL as a tutorial of Docker has them, with `ck` for `docker` (docs/tutorial.md)."""

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pexpect
import pytest

from tests.integration.networks.browse import TITLE
from tests.support.daemon import CK, TREE, Daemon
from tests.support.debian_image import debian_layout
from tests.support.machine import Machine
from tests.support.registry import Registry

CREATE: Final = "network create app-network"
DATABASE: Final = (
    "run -d -p 3306:3306 -e MYSQL_ALLOW_EMPTY_PASSWORD=true --name mysql -v $PWD/mysql_test:/var/lib/mysql mysql:5.7"
)
CONNECT: Final = "network connect app-network mysql"
GRANT: Final = """exec -it mysql mysql -e "create database wp; grant all on wp.* to wp@'%' identified by 'wp'\""""
SITE: Final = (
    "run -d -p 8080:80 --network=app-network -e WORDPRESS_DB_HOST=mysql -e WORDPRESS_DB_NAME=wp"
    " -e WORDPRESS_DB_USER=wp -e WORDPRESS_DB_PASSWORD=wp wordpress"
)


@pytest.fixture
def registry(own_machine: Machine, tmp_path: Path) -> Iterator[Registry]:
    """One that has both images, at the loopback of the machine."""
    with Registry(tmp_path, netns=own_machine.host) as registry:
        registry.push(debian_layout("mysql"), "latest", "library/mysql:5.7")
        registry.push(debian_layout("wordpress"), "latest", "library/wordpress:latest")
        yield registry


@pytest.fixture
def engine(own_machine: Machine, registry: Registry) -> Iterator[Daemon]:
    mirrors = f'[drivers.registry.distribution.mirrors]\n"docker.io" = ["http://{registry.address}"]\n'
    with Daemon(config=mirrors, netns=own_machine.host) as engine:
        yield engine


def ck(engine: Daemon, line: str, directory: Path) -> str:
    """Run a command as it stands in the tutorial, on a terminal; return what it says."""
    words = shlex.split(line.replace("$PWD", str(directory)))
    child = pexpect.spawn(CK[0], [*CK[1:], *words], env=engine.environment, timeout=100, encoding="utf-8")
    said = str(child.read())
    child.close()
    assert child.exitstatus == 0, f"ck {line}: exit code {child.exitstatus}\n{said}\n{engine.log_tail()}"
    return said


def follow(engine: Daemon, container: str, text: str, *options: str) -> list[str]:
    """Follow the log until a line has *text*; return the lines."""
    lines = []
    with engine.popen("logs", "-f", *options, container, stderr=subprocess.STDOUT) as logs:
        assert logs.stdout is not None
        for line in logs.stdout:
            lines.append(line.decode(errors="replace"))
            if text in lines[-1]:
                break
        else:
            raise AssertionError(f"{container} ended: {''.join(lines)}")
        logs.kill()
    return lines


def fetch(machine: Machine, url: str) -> str:
    """A page as the machine itself sees it, errors of the server too."""
    script = "import sys, httpx; print(httpx.get(sys.argv[1], timeout=60, trust_env=False).text)"
    return machine.run(machine.host, sys.executable, "-c", script, url)


@pytest.mark.timeout(1200)  # the first time the images are built
def test_a_post_outlives_its_database_container(own_machine: Machine, engine: Daemon, tmp_path: Path) -> None:
    for line in (CREATE, DATABASE, CONNECT):
        ck(engine, line, tmp_path)
    follow(engine, "mysql", "ready for connections")
    ck(engine, GRANT, tmp_path)
    site = ck(engine, SITE, tmp_path).split()[-1]
    follow(engine, site, "resuming normal operations")
    picture = tmp_path / "wordpress.png"
    environment = (f"PYTHONPATH={TREE / 'src'}:{TREE}", "HOME=" + str(tmp_path))
    program = (sys.executable, "-m", "tests.integration.networks.browse", "http://localhost:8080", str(picture))
    said = own_machine.run(own_machine.host, "env", *environment, *program, timeout=300)
    post = said.split()[-1]
    assert post.startswith("http://localhost:8080/"), said
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert TITLE in fetch(own_machine, post)

    ck(engine, "rm -f mysql", tmp_path)
    assert TITLE not in fetch(own_machine, post)
    for line in (DATABASE, CONNECT):
        ck(engine, line, tmp_path)
    follow(engine, "mysql", "ready for connections")
    assert TITLE in fetch(own_machine, post)
    assert len(follow(engine, "mysql", "ready for connections", "--tail", "20")) <= 20
