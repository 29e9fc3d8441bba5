"""What instructions do to an image's config."""

import pytest

from ck.kernel.api.container import ContainerConfig
from ck.kernel.dockerfile import DockerfileError
from ck.kernel.engine.build.config import change, working_dir
from ck.kernel.errors import InvalidArgument


def test_changes_of_a_commit() -> None:
    before = ContainerConfig(env=("A=1", "PATH=/bin"), cmd=("old",), entrypoint=("entry",), labels={"x": "1"})
    after = change(
        before,
        (
            "ENV B=$A C=3\nWORKDIR /w",
            'CMD ["new", "two"]',
            "EXPOSE 80 53/udp",
            "LABEL y=2",
            "USER me",
            "VOLUME /data /more",
            "STOPSIGNAL SIGINT",
            "ONBUILD RUN true",
            "WORKDIR sub/../deeper",
        ),
    )
    assert after.env == ("A=1", "PATH=/bin", "B=1", "C=3")
    assert (after.cmd, after.entrypoint) == (("new", "two"), ("entry",))
    assert after.exposed_ports == ("80/tcp", "53/udp")
    assert after.labels == {"x": "1", "y": "2"}
    assert (after.user, after.working_dir, after.stop_signal) == ("me", "/w/deeper", "SIGINT")
    assert (after.volumes, after.on_build) == (("/data", "/more"), ("RUN true",))


def test_an_entrypoint_drops_the_command_that_was_for_another() -> None:
    after = change(ContainerConfig(cmd=("-x",), entrypoint=("old",)), ["ENTRYPOINT new"])
    assert (after.entrypoint, after.cmd) == (("/bin/sh", "-c", "new"), None)
    own = change(ContainerConfig(cmd=("-x",), entrypoint=("old",)), ['CMD ["-y"]', 'ENTRYPOINT ["new"]'])
    assert (own.entrypoint, own.cmd) == (("new",), ("-y",))


@pytest.mark.parametrize("line", ["RUN true", "COPY a b", "FROM x", "ARG x", "NOPE", "ENV", "EXPOSE x", "CMD a\nRUN b"])
def test_what_is_no_change_of_a_config(line: str) -> None:
    with pytest.raises(DockerfileError, match="dockerfile parse error: "):
        change(ContainerConfig(), [line])


@pytest.mark.parametrize("name", ["SIGUSR1", "usr1", "9", "SIGRTMIN+3", "$USUAL"])
def test_signals_stay_as_they_are_written(name: str) -> None:
    before = ContainerConfig(env=("USUAL=QUIT",))
    assert change(before, [f"STOPSIGNAL {name}"]).stop_signal == name.replace("$USUAL", "QUIT")


@pytest.mark.parametrize("name", ["FOO", "SIG", "0", "99", "RTMAX+1", "$NONE"])
def test_a_signal_that_is_none(name: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid signal: "):
        change(ContainerConfig(), [f"STOPSIGNAL {name}"])


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ("", "a", "/a"),
        ("/a", "b/", "/a/b"),
        ("/a", "/b", "/b"),
        ("/a", "..", "/"),
        ("/a", "../../x", "/x"),
        ("", "//x", "/x"),
    ],
)
def test_working_directories(before: str, path: str, after: str) -> None:
    assert working_dir(ContainerConfig(working_dir=before), path) == after
