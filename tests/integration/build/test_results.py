"""Where the result of `ck build` goes, and what of it is told."""

import io
import json
import tarfile
import urllib.request
from contextlib import closing
from pathlib import Path

import docker
import pytest

from tests.integration.build.workbench import Workbench
from tests.support.registry import Registry


def test_a_quiet_build_says_the_id_alone(bench: Workbench) -> None:
    def told(text: str) -> list[dict[str, object]]:
        with closing(docker.APIClient(base_url=f"unix://{bench.lab.daemon.socket}")) as client:
            dockerfile = io.BytesIO(text.replace("BASE", bench.base).encode())
            return list(client.build(fileobj=dockerfile, tag=bench.image, quiet=True, decode=True))

    assert told("FROM BASE\nRUN echo spoken\n") == [{"stream": bench.shown()["Id"] + "\n"}]
    *lines, last = told("FROM BASE\nRUN echo spoken; exit 7\n")
    assert "spoken\n" in [line["stream"] for line in lines]
    assert "non-zero code: 7" in str(last["error"])
    with pytest.raises(docker.errors.APIError, match="unknown instruction"):
        told("FROM BASE\nNONSENSE\n")
    *lines, last = told("FROM BASE\nRUN yes | head -c 20000000; echo spoken; exit 7\n")
    shown = "".join(str(line["stream"]) for line in lines)
    assert shown.endswith("spoken\n") and len(shown) < 2 << 20 and "non-zero code: 7" in str(last["error"])
    assert bench.build("FROM BASE\nRUN echo spoken\n", "-q").out == bench.shown()["Id"] + "\n"


def test_results_that_are_no_image(bench: Workbench, tmp_path: Path) -> None:
    bench.write(a="content")
    bench.build("FROM scratch\nCOPY a /deep/a\n", "-o", str(tmp_path / "out"), "--iidfile", str(tmp_path / "id"))
    assert (tmp_path / "out/deep/a").read_text() == "content"
    assert (tmp_path / "id").read_text() == bench.shown()["Id"]
    bench.build("FROM scratch\nCOPY a /deep/a\n", "-o", f"type=tar,dest={tmp_path}/out.tar")
    with tarfile.open(tmp_path / "out.tar") as tar:
        assert "deep/a" in tar.getnames()
    bench.build("FROM scratch\nCOPY a /deep/a\n", "-o", f"type=docker,dst={tmp_path}/saved.tar")
    with tarfile.open(tmp_path / "saved.tar") as tar:
        assert "manifest.json" in tar.getnames()


def test_the_file_of_the_id(bench: Workbench, tmp_path: Path) -> None:
    file, other = tmp_path / "id", tmp_path / "other"
    other.write_text("as it was")
    file.symlink_to(other)
    bench.fails("FROM BASE\nRUN exit 1\n", "--iidfile", str(file))
    assert not file.exists() and other.read_text() == "as it was"
    bench.build("FROM BASE\n", "--rm", "--force-rm", "--iidfile", str(file))
    assert file.read_text() == bench.shown()["Id"]
    before = bench.shown()["Id"]
    for path, why in ((tmp_path, "Is a directory"), (tmp_path / "none/id", "No such file or directory")):
        told = bench.fails("FROM BASE\nLABEL new=1\n", "--iidfile", str(path))
        assert told == f"ck: cannot write {path}: {why}\n" and bench.shown()["Id"] == before


def test_an_image_that_was_made_only_for_its_files_goes(bench: Workbench, tmp_path: Path) -> None:
    (bench.directory / "Dockerfile").write_text("FROM scratch\nVOLUME /v\nCOPY Dockerfile /\n")
    context = str(bench.directory)
    ck = bench.lab.ck

    def kept() -> tuple[list[str], list[str]]:
        return ck("images", "-q", "--no-trunc").split(), ck("volume", "ls", "-q").split()

    before = kept()
    for output in (f"{tmp_path}/out", f"type=tar,dest={tmp_path}/a.tar", f"type=oci,dest={tmp_path}/b.tar"):
        ck("build", "-o", output, context)
        assert kept() == before
    image = ck("build", "-q", context).strip()  # one without a name that is older than the next build stays
    ck("build", "-o", f"{tmp_path}/out", context)
    assert image in kept()[0]
    ck("rmi", image)
    ck("build", "-o", f"type=docker,name={bench.image},dest={tmp_path}/c.tar", context)
    assert bench.shown()["Id"] == image
    ck("rmi", bench.image)
    assert kept() == before


def test_a_result_that_is_pushed(bench: Workbench, tmp_path: Path) -> None:
    (bench.directory / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    context = str(bench.directory)

    def tags(name: str) -> list[str]:
        with urllib.request.urlopen(f"http://{repository.replace('/', '/v2/', 1)}/{name}/tags/list") as answer:
            return sorted(json.load(answer)["tags"])

    with Registry(tmp_path) as registry:
        repository = f"{registry.address}/{bench.lab.name.lower()}"
        try:
            out = bench.lab.ck("build", "-o", f'type=image,"name={repository}/a,{repository}/b:1",push=true', context)
            assert "latest: digest: sha256:" in out and "1: digest: sha256:" in out
            assert tags("a") == ["latest"]
            out = bench.lab.ck("build", "-q", "-t", f"{repository}/b:2", "-o", "type=registry", context)
            assert out == bench.lab.ck("images", "-q", "--no-trunc", f"{repository}/b:2")
            assert tags("b") == ["1", "2"]
        finally:
            bench.lab.ck("rmi", "-f", *bench.lab.ck("images", "-q", f"{repository}/*").split())
    told = bench.lab.fails("build", "-o", f"type=image,name={registry.address}/x,push=true", context)
    assert "connection refused" in told.lower()
    bench.lab.ck("rmi", f"{registry.address}/x")
    assert "needs a name" in bench.lab.fails("build", "-o", "type=image,push=true", context, code=125)
    told = bench.lab.fails("build", "-o", "a", "-o", "b", context, code=125)
    assert "--output may be given once only" in told
