"""`ck build`: Dockerfiles become images."""

import io
import json
import os
import signal
import socket
import subprocess
import tarfile
from contextlib import nullcontext
from pathlib import Path

import docker
import pytest

from tests.integration.build.workbench import Workbench
from tests.integration.engine.lab import Lab
from tests.support.census import settled
from tests.support.file_server import file_server


def test_every_instruction(bench: Workbench) -> None:
    bench.write(a_txt="a", dir__x="x", dir__sub__y="y")
    bench.build(
        """\
ARG TAG=unused
FROM BASE AS first
ARG WHO=nobody
ENV NAME=${WHO:-x} PATH=/bin:/extra
LABEL one=1 two="$NAME"
WORKDIR /app
WORKDIR deeper
COPY a.txt dir/ ./
COPY --chmod=600 --chown=33:34 a.txt renamed
ADD a.txt /made/by/add/
RUN ["/bin/sh", "-c", "echo exec form > exec"]
RUN echo "$NAME $WHO $PWD" > shell
MAINTAINER Some Body
SHELL ["/bin/sh", "-ec"]
RUN echo strict; id -u > uid
FROM first
EXPOSE 80 53/udp
VOLUME /data
STOPSIGNAL SIGUSR1
HEALTHCHECK --interval=5s --retries=2 CMD true
ONBUILD RUN echo triggered > /tmp/triggered
USER 33:34
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["cat shell exec uid; ls -lnR /app /made; id"]
""",
        "--build-arg",
        "WHO=world",
        "--label",
        "three=3",
    )
    shown = bench.shown()
    assert shown["Author"] == "Some Body"
    config = shown["Config"]
    assert config["Env"] == ["PATH=/bin:/extra", "NAME=world"]
    assert config["Labels"] == {"one": "1", "two": "world", "three": "3"}
    assert (config["WorkingDir"], config["User"], config["StopSignal"]) == ("/app/deeper", "33:34", "SIGUSR1")
    assert (config["Entrypoint"], list(config["Volumes"])) == (["/bin/sh", "-c"], ["/data"])
    assert sorted(config["ExposedPorts"]) == ["53/udp", "80/tcp"]
    assert config["Healthcheck"] == {"Test": ["CMD-SHELL", "true"], "Interval": 5_000_000_000, "Retries": 2}
    assert (config["OnBuild"], config["Shell"]) == (["RUN echo triggered > /tmp/triggered"], ["/bin/sh", "-ec"])
    out = bench.run()
    assert out.startswith("world world /app/deeper\nexec form\n0\n")
    lines = {line.split()[-1]: line.split() for line in out.splitlines() if line.startswith(("-", "d"))}
    assert lines["renamed"][:4] == ["-rw-------", "1", "33", "34"]
    assert lines["a.txt"][2:4] == ["0", "0"] and "y" in lines and out.endswith(" gid=34 groups=34\n")
    # A trigger runs in the build that stands on the image, and in no later one.
    bench.lab.ck("tag", bench.image, bench.base)
    bench.build("FROM BASE\nUSER 0\n")
    assert bench.shown()["Config"]["OnBuild"] is None
    assert bench.shown()["Author"] == "Some Body"
    assert bench.run("cat /tmp/triggered") == "triggered\n"


def test_what_is_the_same_is_not_done_again(bench: Workbench) -> None:
    bench.write(a_txt="a", b_txt="b")
    text = "FROM BASE\nCOPY a.txt /a\nRUN cat /proc/sys/kernel/random/uuid > /when\nCOPY b.txt /b\nLABEL x=1\n"
    bench.build(text)
    first, when = bench.shown()["Id"], bench.run("cat", "/when")
    os.utime(bench.directory / "a.txt", (1, 1))
    assert bench.build(text).out.count("Using cache") == 3
    assert bench.shown()["Id"] == first
    # A label changes no file, so what is below and above it is found.
    assert bench.build(text.replace("x=1", "x=2")).out.count("Using cache") == 3
    bench.write(b_txt="other")
    assert bench.build(text).out.count("Using cache") == 2
    assert bench.run("cat", "/when", "/b") == f"{when}other"
    bench.write(a_txt="other")
    assert bench.build(text).out.count("Using cache") == 0
    assert bench.run("cat", "/when") != when
    assert "Using cache" not in bench.build(text, "--no-cache").out
    bench.lab.ck("builder", "prune", "-af")
    assert "Using cache" not in bench.build(text).out


def test_a_mode_an_owner_and_a_link_count_and_a_time_does_not(bench: Workbench) -> None:
    bench.write(d__f="content")
    text = "FROM BASE\nCOPY d /d\n"

    def is_cached() -> bool:
        return "Using cache" in bench.build(text).out

    file = bench.directory / "d/f"
    assert [is_cached(), is_cached()] == [False, True]
    file.chmod(0o755)
    assert [is_cached(), is_cached()] == [False, True]
    (bench.directory / "d/link").symlink_to("f")
    assert [is_cached(), is_cached()] == [False, True]
    file.touch()
    os.chown(file, 5, 5)  # files of a context are root's in the image, whoever's they are here
    assert is_cached()


def test_stages_side_by_side_and_only_those_that_are_needed(bench: Workbench) -> None:
    text = """\
FROM BASE AS one
RUN sleep 1; echo 1 > /r
FROM BASE AS two
RUN sleep 1; echo 2 > /r
FROM BASE AS never
RUN false
FROM BASE
COPY --from=one /r /one
COPY --from=two /r /two
COPY --from=BASE /bin/busybox /copied
"""
    out = bench.build(text).out
    # Both have begun before either was done: the first layer is told of after the second RUN was.
    assert out.index("RUN sleep 1; echo 2") < out.index(" ---> ")
    assert "RUN false" not in out
    assert bench.run("sh", "-c", "cat /one /two; test -x /copied && echo executable") == "1\n2\nexecutable\n"
    bench.build(text, "--target", "two")
    assert bench.run("cat", "/r") == "2\n"
    assert "target stage" in bench.fails(text, "--target", "nowhere")


def test_what_is_ignored_is_not_there(bench: Workbench) -> None:
    bench.write(
        keep="1", secret_key="2", dir__keep="3", dir__drop="4", _dockerignore="*.key\ndir/*\n!dir/keep\nDockerfile\n"
    )
    bench.build("FROM BASE\nCOPY . /all/\nCOPY --exclude=k* dir /some/\n")
    assert (
        bench.run("sh", "-c", "cd /all; find . -type f | sort; find /some")
        == "./.dockerignore\n./dir/keep\n./keep\n/some\n"
    )
    assert '"secret.key": not found' in bench.fails("FROM BASE\nCOPY secret.key /\n")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("COPY f /x", "/x"),
        ("COPY f /x/", "/x/f"),
        ("COPY f /tmp", "/tmp/f"),
        ("COPY f /new/deep/x", "/new/deep/x"),
        ("COPY f g /x/", "/x/f /x/g"),
        ("COPY [fg] /x/", "/x/f /x/g"),
        ("COPY d /x", "/x/sub/h"),
        ("COPY d/* /x/", "/x/h"),
        ("COPY link /x/", "/x/link"),
        ("COPY dirlink/ /x", "/x/sub/h"),
        ("COPY --parents d/sub/h f /x/", "/x/d/sub/h /x/f"),
        ("COPY --parents d/./sub/h f /x/", "/x/sub/h /x/f"),
        ("COPY --parents **/h ./d/./**/h /x/", "/x/d/sub/h /x/sub/h"),
        ("COPY f nothing* d/none? /x/", "/x/f"),
        ("COPY --link f /link-to-tmp/", "/link-to-tmp/f"),
        ("WORKDIR /w\nCOPY --link f g ./", "/w/f /w/g"),
        ("COPY f /link-to-tmp/", "/tmp/f"),
        ("COPY ../../f /x", "/x"),
        ("WORKDIR /w\nCOPY f .", "/w/f"),
        ("WORKDIR /w\nCOPY f x", "/w/x"),
        ('COPY ["f", "/with space/"]', "/with space/f"),
        ("ADD t.tar.gz /x/", "/x/sub/h"),
        ("ADD --unpack=false t.tar.gz /x/", "/x/t.tar.gz"),
        ("COPY t.tar.gz /x/", "/x/t.tar.gz"),
        ("ADD http://127.0.0.1:PORT/f /x/", "/x/f"),
        ("ADD http://127.0.0.1:PORT /x/y", "/x/y"),
        ("ADD http://127.0.0.1:PORT/d/ /x/", "/x/d"),
        ("ADD http://127.0.0.1:PORT/t.tar.gz /x/", "/x/t.tar.gz"),
        ("COPY <<A <<B /x/\nA\nB\n", "/x/A /x/B"),
    ],
)
def test_where_things_go(bench: Workbench, line: str, found: str, tmp_path: Path) -> None:
    bench.write(f="f", g="g", d__sub__h="h")
    (bench.directory / "link").symlink_to("f")
    (bench.directory / "dirlink").symlink_to("d")
    with tarfile.open(bench.directory / "t.tar.gz", "w:gz") as tar:
        tar.add(bench.directory / "d/sub", "sub")
    with file_server(bench.directory) if "PORT" in line else nullcontext("") as port:
        bench.build(f"FROM BASE\nRUN ln -s tmp /link-to-tmp; touch /mark\n{line.replace('PORT', port)}\n")
    bench.lab.ck("save", bench.image, "-o", str(tmp_path / "saved"))
    with tarfile.open(tmp_path / "saved") as saved:
        manifest = json.load(saved.extractfile("manifest.json"))[0]  # type: ignore[arg-type]
        top = saved.extractfile(manifest["Layers"][-1])
        assert top is not None
        with tarfile.open(fileobj=io.BytesIO(top.read())) as files:
            names = {f"/{member.name}" for member in files if member.isfile()}
    assert {f"/{path}" for path in found.removeprefix("/").split(" /")} <= names


@pytest.mark.parametrize("place", ["/new/", "/tmp", "/tmp/.", "."])
def test_a_file_from_a_url_that_names_none(bench: Workbench, place: str) -> None:
    with file_server(bench.directory) as port:
        told = bench.fails(f"FROM BASE\nADD http://127.0.0.1:{port}/ {place}\n")
        assert f"cannot determine a file name for http://127.0.0.1:{port}/: end the destination in one" in told


def test_a_pattern_that_matches_nothing_copies_nothing(bench: Workbench) -> None:
    bench.write(f="f")
    (bench.directory / "d").mkdir()
    bench.build(
        "FROM BASE\nFROM BASE\nRUN mkdir /old\nCOPY none* d/*.x /old/\nCOPY --from=0 /none* /x/\nADD none? /f\n"
    )
    assert bench.run("ls", "-A", "/old") == ""


def test_mounts_of_run(bench: Workbench, tmp_path: Path) -> None:
    bench.write(script="echo from the context")
    (tmp_path / "secret").write_text("hidden")
    text = """\
FROM BASE AS tools
RUN mkdir /tools; echo tool > /tools/t
FROM BASE
RUN --mount=type=bind,source=script,target=/s . /s > /1
RUN --mount=type=bind,from=tools,source=/tools,target=/t cat /t/t > /2
RUN --mount=type=secret,id=key,mode=0440 cat /run/secrets/key | wc -c > /3; stat -c %a /run/secrets/key >> /3
RUN --mount=type=secret,id=key,env=KEY echo "${#KEY}" > /4
RUN --mount=type=tmpfs,target=/t echo x > /t/x; mount | grep -c ' /t ' > /5
RUN --mount=type=cache,target=/c,id=mine echo x >> /c/f; wc -l < /c/f > /6
RUN <<EOF
#!/bin/sh
echo "$0" > /7
EOF
"""
    bench.build(text, "--secret", f"id=key,src={tmp_path}/secret")
    expected = "from the context\ntool\n6\n440\n6\n1\n1\n/dev/pipes/EOF\n"
    assert bench.run("sh", "-c", "cat /1 /2 /3 /4 /5 /6 /7; ls -d /s /t /c /run 2>/dev/null; true") == expected
    assert "hidden" not in bench.lab.ck("history", "--no-trunc", bench.image)
    bench.build(text.replace("> /6", "> /6 #"), "--secret", f"id=key,src={tmp_path}/secret")
    assert bench.run("cat", "/6") == "2\n"
    assert "secret key: not found" in bench.fails("FROM BASE\nRUN --mount=type=secret,id=key,required true\n")


def test_what_a_mount_needs_is_in_no_layer(bench: Workbench) -> None:
    bench.write(f="x")
    mounts = "--mount=type=bind,target=/link/deep/f,source=f --mount=type=tmpfs,target=/link/t"
    bench.build(f"FROM BASE\nRUN mkdir /real; ln -s real /link\nRUN {mounts} touch /real/kept\n")
    assert bench.run("find", "/real") == "/real\n/real/kept\n"


def test_a_walled_step(bench: Workbench) -> None:
    look = "cat /proc/self/uid_map > /m; grep -c Seccomp:.2 /proc/self/status > /s"
    bench.build(f"FROM BASE\nRUN {look}\nRUN --network=none ls /sys/class/net > /n\n")
    out = bench.run("cat", "/n", "/s", "/m").split()
    assert out[:2] == ["lo", "1"] and out[3] != "0"
    assert "--security=insecure is not allowed" in bench.fails("FROM BASE\nRUN --security=insecure true\n")


def test_the_limits_of_a_step(bench: Workbench) -> None:
    bench.build("FROM BASE\nRUN ulimit -n > /n; ulimit -Hn >> /n\n", "--ulimit", "nofile=100:200")
    assert bench.run("cat", "/n") == "100\n200\n"
    assert "invalid ulimit type 'none-such'" in bench.fails("FROM BASE\nRUN echo x\n", "--ulimit", "none-such=1")
    assert "invalid cgroup parent '/a/../b'" in bench.fails("FROM BASE\nRUN echo x\n", "--cgroup-parent", "/a/../b")


def test_a_step_has_the_same_host_name_everywhere(bench: Workbench) -> None:
    text = "FROM BASE\nRUN hostname > /name; cat /etc/hostname >> /name; env | grep -c ^HOSTNAME= >> /name || true\n"
    bench.build(text)
    assert bench.run("cat", "/name") == "buildkitsandbox\nbuildkitsandbox\n0\n"
    told = bench.build(text, "--build-arg", "BUILDKIT_SANDBOX_HOSTNAME=other")
    assert "were not consumed" not in told.out + told.err
    assert bench.run("cat", "/name") == "other\nother\n0\n"
    again = bench.build(text)
    assert "Using cache" in again.out
    assert bench.run("cat", "/name") == "buildkitsandbox\nbuildkitsandbox\n0\n"


def test_errors_name_file_line_and_instruction(bench: Workbench) -> None:
    told = bench.fails("FROM BASE\n\nRUN echo before; echo the reason >&2; exit 3\n")
    assert told.startswith("ck: Dockerfile:3: RUN echo before; echo the reason >&2; exit 3: the command")
    assert "returned a non-zero code: 3\nbefore\nthe reason\n" in told
    told = bench.fails("FROM BASE\nARG S=FOO\nSTOPSIGNAL $S\n")
    assert told == "ck: Dockerfile:3: STOPSIGNAL $S: invalid signal: FOO\n"
    assert bench.fails("FROM BASE\nRNU x\n") == "ck: Dockerfile:2: unknown instruction: RNU (did you mean RUN?)\n"
    assert bench.fails("FROM BASE\nCOPY none /x\n") == 'ck: Dockerfile:2: COPY none /x: "none": not found\n'
    told = bench.fails("FROM BASE\nCOPY --chown=nobody-at-all Dockerfile /\n")
    assert "Dockerfile:2: COPY --chown=nobody-at-all Dockerfile /: unable to find user nobody-at-all" in told
    assert "Dockerfile:1: FROM 127.0.0.1:1/x: 127.0.0.1:1 cannot be reached" in bench.fails("FROM 127.0.0.1:1/x\n")
    assert "no build stage" in bench.fails("RUN x\n")
    bench.lab.fails("build", str(bench.directory / "none"))
    assert "failed to read dockerfile" in bench.lab.fails(
        "build", "-f", str(bench.directory / "other"), str(bench.directory)
    )


def test_the_same_input_gives_the_same_digest(bench: Workbench) -> None:
    bench.write(a="a")
    text = "FROM BASE\nWORKDIR /w\nCOPY a /new/\nCOPY <<EOF /h\nx\nEOF\nLABEL x=1\n"
    images = []
    for moment in (1, 2_000_000_000):
        os.utime(bench.directory / "a", (moment, moment))
        bench.build(text, "--no-cache", "--build-arg", "SOURCE_DATE_EPOCH=1700000000")
        images.append(bench.shown()["Id"])
        bench.lab.ck("rmi", bench.image)
    assert images[0] == images[1]
    # What RUN writes is as new as it is, unless it is told otherwise.
    runs = f"{text}RUN mkdir /made; echo x > /made/f; ln /made/f /made/hard; ln -s f /made/link; rm /new/a\n"
    epoch = ("--build-arg", "SOURCE_DATE_EPOCH=1700000000")
    for options, created in ((epoch, ""), ((*epoch, "--reproducible"), "2023"), (("--reproducible",), "1970")):
        found = set()
        for moment in (1, 2_000_000_000):
            os.utime(bench.directory / "a", (moment, moment))
            bench.build(runs, "--no-cache", *options)
            shown = bench.shown()
            found.add(shown["Id"])
            assert shown["Created"].startswith(created)
            bench.lab.ck("rmi", bench.image)
        assert (len(found) == 1) is bool(created)
    assert "SOURCE_DATE_EPOCH must be seconds" in bench.fails(text, "--build-arg", "SOURCE_DATE_EPOCH=soon")


def test_a_build_that_is_interrupted_leaves_nothing(bench: Workbench) -> None:
    before = bench.at_rest()
    (bench.directory / "Dockerfile").write_text(f"FROM {bench.base}\nRUN echo begun; sleep 1000\n")
    # Mostly while the container of the step is being made, at another moment each time; and once while it runs.
    for sign in [*[b"Step 2/2 : RUN"] * 12, b"begun\n"]:
        with bench.lab.popen("build", str(bench.directory)) as client:
            assert client.stdout is not None
            while not client.stdout.readline().startswith(sign):
                continue
            client.send_signal(signal.SIGINT)
            client.wait()
    assert settled(bench.state, before) == before


def test_nobody_waits_for_a_server_that_says_nothing(bench: Workbench) -> None:
    before = bench.at_rest()
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/file"
        (bench.directory / "Dockerfile").write_text(f"FROM {bench.base}\nADD {url} /x\n")
        with bench.lab.popen("build", str(bench.directory)) as client:
            connection, _ = mute.accept()
            with connection:
                client.send_signal(signal.SIGINT)
                client.wait()
                assert settled(bench.state, before) == before


def test_a_build_whose_engine_is_killed_leaves_nothing(own_lab: Lab, tmp_path: Path) -> None:
    bench = Workbench(own_lab, tmp_path)
    before = bench.at_rest()
    (tmp_path / "Dockerfile").write_text(f"FROM {bench.base}\nRUN echo begun; sleep 1000\n")
    with own_lab.popen("build", str(tmp_path)) as client:
        assert client.stdout is not None
        while client.stdout.readline() != b"begun\n":
            continue
        own_lab.daemon.kill9()
        client.wait()
    own_lab.daemon.start()
    assert settled(bench.state, before) == before
    bench.clean()


def test_other_contexts(bench: Workbench, tmp_path: Path) -> None:
    bench.write(a="content")
    dockerfile = f"FROM {bench.base}\nCOPY a /a\n"
    (bench.directory / "Dockerfile").write_text(dockerfile)
    tar = subprocess.run(["tar", "-czC", str(bench.directory), "."], capture_output=True, check=True).stdout
    ck = bench.lab.ck
    ck("build", "-t", bench.image, "-", stdin=tar)
    assert bench.run("cat", "/a") == "content"
    ck("build", "-t", bench.image, "-", stdin=f"FROM {bench.base}\nRUN echo alone > /a\n".encode())
    assert bench.run("cat", "/a") == "alone\n"
    ck("build", "-t", bench.image, "-f", "-", str(bench.directory), stdin=dockerfile.replace("/a", "/b").encode())
    assert bench.run("cat", "/b") == "content"
    (tmp_path / "elsewhere").write_text(dockerfile)
    ignored = tmp_path / "elsewhere.dockerignore"
    ignored.write_text("a\n")
    told = bench.lab.fails("build", "-f", str(tmp_path / "elsewhere"), str(bench.directory))
    assert '"a": not found' in told
    ignored.unlink()
    ck("build", "-t", bench.image, "-f", str(tmp_path / "elsewhere"), str(bench.directory))
    assert bench.run("cat", "/a") == "content"
    client = docker.DockerClient(base_url=f"unix://{bench.lab.daemon.socket}")
    try:
        image, logs = client.images.build(path=str(bench.directory), tag=bench.image)
        assert image.id == bench.shown()["Id"] and any("Successfully built" in line.get("stream", "") for line in logs)
        with pytest.raises(docker.errors.BuildError, match="non-zero code: 7"):
            client.images.build(fileobj=io.BytesIO(f"FROM {bench.base}\nRUN exit 7\n".encode()))
    finally:
        client.close()


def test_what_builds_keep_is_told_and_freed(own_lab: Lab, tmp_path: Path) -> None:
    bench = Workbench(own_lab, tmp_path)

    def row() -> list[str]:
        table = own_lab.ck("system", "df", "--format", "{{.Type}}|{{.TotalCount}}|{{.Size}}|{{.Reclaimable}}")
        return next(line.split("|")[1:] for line in table.splitlines() if line.startswith("Build Cache"))

    assert row() == ["0", "0B", "0B"]
    bench.build("FROM BASE\nRUN head -c 3000000 /dev/urandom > /f\nRUN true\n")
    assert row()[:2] == ["2", "0B"]  # the image has it all
    assert "RUN head -c 3000000" in own_lab.ck("system", "df", "-v")
    assert own_lab.ck("builder", "prune", "-f").endswith("Total reclaimed space: 0B\n")
    own_lab.ck("rmi", bench.image)
    assert row()[0] == "2" and row()[1].startswith("3.0")
    assert "Total reclaimed space: 3.0" in own_lab.ck("builder", "prune", "-f")
    assert row() == ["0", "0B", "0B"]
    command = "head -c 5000000 /dev/urandom > /c/f; echo ready; exec sleep 1000"
    (tmp_path / "Dockerfile").write_text(f"FROM {bench.base}\nRUN --mount=type=cache,id=mine,target=/c {command}\n")
    with own_lab.popen("build", str(tmp_path)) as build:
        assert build.stdout is not None
        while build.stdout.readline() != b"ready\n":
            continue
        count, size, free = row()
        assert (count, size[:3], free) == ("1", "5.0", "0B (0%)")  # a RUN has it
        build.send_signal(signal.SIGINT)
        build.wait()
    assert settled(lambda: row()[2][:3] + row()[2][-6:], "5.0(100%)") == "5.0(100%)"
    [line] = [line for line in own_lab.ck("system", "df", "-v").splitlines() if "cachemount" in line]
    assert line.split()[1:5] == ["exec.cachemount", "cache", "mount", "mine"]
    assert "Total reclaimed space: 5.0" in own_lab.ck("builder", "prune", "-af")
    assert row() == ["0", "0B", "0B"]
    bench.clean()
