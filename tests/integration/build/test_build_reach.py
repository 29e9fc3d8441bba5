"""What a build may reach and where it may write: git, secrets, uploads, and places where nothing can go."""

import json
import os
import signal
import subprocess
import tarfile
from contextlib import closing
from pathlib import Path

import docker
import pytest

from tests.integration.build.workbench import Workbench
from tests.support.daemon import NO_NETWORK, Daemon
from tests.support.file_server import file_server
from tests.support.git_server import git_server
from tests.support.registry import Registry


def commit_all(work: Path, bare: Path) -> None:
    """A repository *bare* of what is in *work*."""
    who = ("-c", "user.name=ck", "-c", "user.email=ck@example.invalid", "-c", "init.defaultBranch=main")
    for arguments in (("init",), ("add", "."), ("commit", "-m", "one"), ("clone", "--bare", str(work), str(bare))):
        subprocess.run(["git", *who, "-C", str(work), *arguments], check=True, capture_output=True)


def test_a_git_repository(bench: Workbench, tmp_path: Path) -> None:
    work, bare = tmp_path / "work", tmp_path / "repository.git"
    (work / "inner").mkdir(parents=True)
    (work / "f").write_text("first")
    (work / "inner/g").write_text("inner")

    def git(*arguments: str) -> None:
        who = ("-c", "user.name=ck", "-c", "user.email=ck@example.invalid", "-c", "init.defaultBranch=main")
        subprocess.run(["git", *who, "-C", str(work), *arguments], check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "one")
    git("tag", "v1")
    (work / "f").write_text("second")
    git("commit", "-am", "two")
    git("clone", "--bare", str(work), str(bare))
    with git_server(tmp_path) as server:
        url = f"{server}/repository.git"
        _add_a_repository(bench, url)
        commit = subprocess.check_output(["git", "-C", str(bare), "rev-parse", "HEAD"], text=True).strip()
        bench.build(f"FROM BASE\nADD --checksum={commit[:12]} {url} /x\n")
        assert f"is the commit {commit}, not 123" in bench.fails(f"FROM BASE\nADD --checksum=123 {url} /x\n")
        _ask_a_repository(bench, url, commit)
    assert '": not found' in bench.fails(f"FROM BASE\nADD file://{bare} /x\n")


def _add_a_repository(bench: Workbench, url: str) -> None:
    bench.build(f"FROM BASE\nADD {url} /new\nADD {url}#v1 /old/\nADD {url}#main:inner /in\n")
    assert bench.run("sh", "-c", "cat /new/f /old/f /in/g; ls -A /new /in") == (
        "secondfirstinner/in:\ng\n\n/new:\nf\ninner\n"
    )
    bench.build(f"FROM BASE\nADD --keep-git-dir=true {url} /r\n")
    assert bench.run("cat", "/r/.git/HEAD")
    assert "git fetch: " in bench.fails(f"FROM BASE\nADD {url}#nothing /x\n")
    assert '"nowhere": no such directory in' in bench.fails(f"FROM BASE\nADD {url}#main:nowhere /x\n")


def _ask_a_repository(bench: Workbench, url: str, commit: str) -> None:
    added = f"ADD {url}?branch=main /new\nADD {url}?tag=v1 /old/\nADD {url}?ref=main&subdir=inner /in\n"
    bench.build(f"FROM BASE\n{added}ADD {url}?commit={commit} /exact\n")
    assert bench.run("cat", "/new/f", "/old/f", "/in/g", "/exact/f") == "secondfirstinnersecond"
    assert f", not {commit} as was asked" in bench.fails(f"FROM BASE\nADD {url}?tag=v1&commit={commit} /x\n")
    assert "not 123, as --checksum says" in bench.fails(f"FROM BASE\nADD --checksum=123 {url}?commit={commit} /x\n")
    assert "is not asked for 'revision'" in bench.fails(f"FROM BASE\nADD {url}?revision=1 /x\n")
    assert "Dockerfile: no such file" in bench.lab.fails("build", f"{url}?branch=main&subdir=inner")
    assert "is not asked for 'depth'" in bench.lab.fails("build", f"{url}?depth=1")


def test_only_the_build_says_what_a_build_may_reach(bench: Workbench, tmp_path: Path) -> None:
    assert "--network=host is not allowed" in bench.fails("FROM BASE\nRUN --network=host true\n")
    bench.build("FROM BASE\nRUN --network=host ls /sys/class/net > /n\n", "--network", "host")
    assert bench.run("cat", "/n").split() == sorted(os.listdir("/sys/class/net"))
    told = bench.fails(f"FROM oci:{tmp_path}/none\n")
    assert "a build does not read images of this machine's files" in told


def test_an_image_is_named_by_its_id_only_in_full(busybox_image: str, tmp_path: Path) -> None:
    (tmp_path / "registry").mkdir()
    (tmp_path / "f").touch()

    def built(dockerfile: str) -> object:
        (tmp_path / "Dockerfile").write_text(dockerfile)
        engine.ck("build", "-t", "built", str(tmp_path))
        return json.loads(engine.ck("image", "inspect", "built", "--format", "{{json .RootFS.Layers}}").out)

    with Registry(tmp_path / "registry") as registry:
        mirrors = f'[drivers.registry.distribution.mirrors]\n"docker.io" = ["http://{registry.address}"]\n'
        with Daemon(config=NO_NETWORK + mirrors) as engine:
            engine.ck("pull", "-q", busybox_image)
            digits = engine.ck("images", "-q", "--no-trunc").out.strip().removeprefix("sha256:")
            theirs = built("FROM scratch\nCOPY f /\n")
            name = f"{registry.address}/library/{digits[:12]}:latest"
            engine.ck("tag", "built", name)
            engine.ck("push", "-q", name)
            engine.ck("rmi", name)
            ours = json.loads(engine.ck("image", "inspect", digits, "--format", "{{json .RootFS.Layers}}").out)
            assert built(f"FROM {digits}\n") == built(f"FROM sha256:{digits}\n") == ours
            assert built(f"FROM {digits[:12]}\n") == theirs
            assert built(f"FROM scratch\nCOPY --from={digits[:12]} /f /f\n") == theirs


def test_an_image_is_for_one_platform_of_linux(bench: Workbench) -> None:
    text = "FROM scratch\nCOPY Dockerfile /\n"
    assert "name one of 'linux/amd64,linux/arm64'" in bench.fails(text, "--platform", "linux/amd64,linux/arm64")
    assert "only images for linux can be built, not for windows/amd64" in bench.fails(text, "--platform=windows/amd64")
    assert "Dockerfile:1: several platforms" in bench.fails(text.replace("FROM", "FROM --platform=a,b"))
    assert "Dockerfile:1: only images for linux" in bench.fails("FROM --platform=freebsd/amd64 BASE\n")
    bench.build(text, "--platform", "linux/bogus/v2")
    assert [bench.shown()[key] for key in ("Os", "Architecture", "Variant")] == ["linux", "bogus", "v2"]


def test_an_environment_secret_is_in_no_record(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("to be in no file")
    (bench.directory / "Dockerfile").write_text(
        f"FROM {bench.base}\nRUN --mount=type=secret,id=key,env=KEY echo ${{#KEY}}; exec sleep 1000\n"
    )
    with bench.lab.popen("build", "--secret", f"id=key,src={tmp_path}/secret", str(bench.directory)) as build:
        assert build.stdout is not None
        while build.stdout.readline() != b"16\n":
            continue
        [container] = bench.lab.ck("ps", "-q", "--no-trunc").split()
        assert "to be in no file" not in bench.lab.ck("inspect", container)
        found = subprocess.run(
            ["grep", "-rl", "to be in no file", str(bench.lab.daemon.data_root)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert found.stdout == ""
        build.send_signal(signal.SIGINT)
        build.wait()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("COPY d /etc/passwd", "cannot copy to non-directory: /etc/passwd"),
        ("COPY f /etc/passwd/", "cannot copy to non-directory: /etc/passwd"),
        ("COPY f /etc/passwd/x", "cannot copy to non-directory: /etc/passwd"),
        ("WORKDIR /etc/passwd", "cannot copy to non-directory: /etc/passwd"),
        ("COPY f /.wh.x", ".wh. names mean deletion"),
        ("COPY f /.wh.x/y", ".wh. names mean deletion"),
        ("RUN ln -s /usr /x/bin\nCOPY over /x/", "cannot copy to non-directory: /x/bin"),
        ("COPY over /", "cannot replace the directory /etc with a file"),
        ("RUN mkdir -p /x/deep; touch /x/deep/h\nCOPY over /x/", "cannot copy to non-directory: /x/deep/h"),
        ("WORKDIR /.wh.x", ".wh. names mean deletion"),
        ("COPY <<.wh.x /\nx\n.wh.x", ".wh. names mean deletion"),
        ("COPY f over /x", "with more than one source, the destination must be a directory and end with a /: '/x'"),
        ("COPY --chmod=u=rwz f /x", "invalid chmod parameter: 'u=rwz'"),
        ("ADD --checksum=sha256:0 f /x", "--checksum is for URLs and git repositories: f is neither"),
    ],
)
def test_where_nothing_can_go(bench: Workbench, line: str, told: str) -> None:
    bench.write(f="f", d__sub="s", over__bin__x="x", over__deep__h__x="x", over__etc="no directory")
    assert told in bench.fails(f"FROM BASE\nRUN mkdir /x\n{line}\n")
    bench.build("FROM BASE\nRUN mkdir -p /x/deep/h /x/bin; touch /x/etc\nCOPY over /x/\n")
    assert bench.run("cat", "/x/bin/x", "/x/deep/h/x", "/x/etc") == "xxno directory"


def test_an_archive_keeps_its_owners_and_modes(bench: Workbench) -> None:
    with tarfile.open(bench.directory / "a.tar", "w") as archive:
        member = tarfile.TarInfo("f")
        member.uid, member.gid, member.mode = 12, 34, 0o604
        archive.addfile(member)
    bench.build("FROM BASE\nADD a.tar /a/\nADD --chown=5:6 --chmod=777 a.tar /b/\n")
    assert bench.run("stat", "-c", "%u:%g %a", "/a/f", "/b/f") == "12:34 604\n5:6 604\n"


def test_a_file_is_not_a_directory_with_such_a_file_in_it(bench: Workbench) -> None:
    bench.write(x="same")
    bench.build("FROM BASE\nCOPY x /y\n")
    (bench.directory / "x").unlink()
    bench.write(x__x="same")
    bench.build("FROM BASE\nCOPY x /y\n")
    assert bench.run("cat", "/y/x") == "same"


def test_hard_links_are_found_again(bench: Workbench) -> None:
    bench.write(d__one="same")
    (bench.directory / "d/two").hardlink_to(bench.directory / "d/one")
    first = bench.build("FROM BASE\nCOPY d /y/\n")
    again = bench.build("FROM BASE\nCOPY d /y/\n")
    assert "Using cache" not in first.out and again.out.count("Using cache") == 1
    assert bench.run("stat", "-c", "%h", "/y/one") == "2\n"


def test_a_dockerfile_and_secrets_go_along_with_any_context(bench: Workbench, tmp_path: Path) -> None:
    bench.write(a="content", Dockerfile="FROM nowhere\n")
    text = f"FROM {bench.base}\nCOPY a /a\nRUN --mount=type=secret,id=key cat /run/secrets/key >> /a\n"
    (tmp_path / "elsewhere").write_text(text)
    (tmp_path / "secret").write_text(" and secret")
    secret = ("--secret", f"id=key,src={tmp_path}/secret")
    tar = subprocess.run(["tar", "-czC", str(bench.directory), "."], capture_output=True, check=True).stdout
    (tmp_path / "context.tgz").write_bytes(tar)

    def built(context: str, file: str, stdin: bytes | None = None) -> str:
        bench.lab.ck("build", "-t", bench.image, *secret, "-f", file, context, stdin=stdin)
        return bench.run("cat", "/a")

    assert built("-", str(tmp_path / "elsewhere"), stdin=tar) == "content and secret"
    alone = text.replace("COPY a /a", "RUN echo alone > /a").encode()
    bench.lab.ck("build", "-t", bench.image, *secret, "-", stdin=alone)
    assert bench.run("cat", "/a") == "alone\n and secret"
    with git_server(tmp_path) as git, file_server(tmp_path) as port:
        commit_all(bench.directory, tmp_path / "repository.git")
        for context in (f"{git}/repository.git", f"http://127.0.0.1:{port}/context.tgz"):
            assert built(context, "-", stdin=text.encode()) == "content and secret"
            assert built(context, str(tmp_path / "elsewhere")) == "content and secret"
            told = bench.lab.fails("build", "-f", "none", context)
            assert "failed to read dockerfile: open none" in told


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ("9", "the body has 8 bytes only"),
        ("-1", "it must be at most"),
        ("x", "ck-private must be a whole number"),
        ("8", "must be an object with Dockerfile, Dockerignore and Secrets"),
        ("7", "is not valid JSON"),
    ],
)
def test_what_goes_along_with_an_upload_is_checked(bench: Workbench, size: str, told: str) -> None:
    with closing(docker.APIClient(base_url=f"unix://{bench.lab.daemon.socket}")) as client:
        assert told in client.post(client._url("/build"), params={"ck-private": size}, data=b'{"a": 1}').text


def test_a_prune_by_space_is_refused(bench: Workbench) -> None:
    with closing(docker.APIClient(base_url=f"unix://{bench.lab.daemon.socket}")) as client:
        refused = client.post(client._url("/build/prune"), params={"keep-storage": "5"})
        assert refused.status_code == 501 and "keep-storage" in refused.text
        assert client.post(client._url("/build/prune"), params={"keep-storage": "0"}).status_code == 200


def test_a_mode_in_letters(bench: Workbench) -> None:
    bench.write(d__sub__f="f", d__sub__x="x")
    for name, mode in (("d/sub", 0o700), ("d/sub/f", 0o600), ("d/sub/x", 0o700)):
        (bench.directory / name).chmod(mode)
    bench.build("FROM BASE\nCOPY --chmod=u=rwX,go=rX d /d\nCOPY --chmod=g+w <<there /\nx\nthere\n")
    assert bench.run("stat", "-c", "%a", "/d/sub", "/d/sub/f", "/d/sub/x", "/there").split() == [
        "755", "644", "755", "664",
    ]  # fmt: skip
