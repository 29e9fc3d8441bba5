"""Random lives of containers on the real engine: the model is a dict, and the engine must never disagree with it.

Every rule is a request over the API; one of them kills ckd with SIGKILL and starts it anew, which must change nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import ClassVar

import docker
import pytest
from docker.errors import APIError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from ck.kernel.events import Event, Noun, order_violations
from ck.kernel.lifecycle import ACTIVE, TRANSITIONS, Op, State
from tests.support.busybox import busybox_layout
from tests.support.daemon import Daemon

# The shell of busybox as PID 1 ignores TERM: a container ends when it is told to by KILL, or by its own command.
WAITS = ["sh", "-c", "read line; exit 7"]


class EngineMachine(RuleBasedStateMachine):
    daemon: ClassVar[Daemon]
    image: ClassVar[str]
    containers: Bundle[str] = Bundle("containers")

    def __init__(self) -> None:
        super().__init__()
        self.states: dict[str, State] = {}
        self.names: dict[str, str] = {}
        self.exit_codes: dict[str, int] = {}
        self.api = self.connect()
        self.begin = self.newest_event_time()

    def connect(self) -> docker.APIClient:
        return docker.APIClient(base_url=f"unix://{self.daemon.socket}", version="1.44", timeout=60)

    def newest_event_time(self) -> float:
        return datetime.now().timestamp()

    @contextmanager
    def legal_or_refused(self, legal: bool) -> Iterator[None]:
        if legal:
            yield
            return
        with pytest.raises(APIError) as caught:
            yield
        assert caught.value.response is not None and 400 <= caught.value.response.status_code < 500

    @rule(target=containers, number=st.integers(0, 5))
    def create(self, number: int) -> str:
        name = f"ck-{number}"
        if name in self.names.values():
            with self.legal_or_refused(False):
                self.api.create_container(self.image, WAITS, name=name, stdin_open=True)
            return next(cid for cid, taken in self.names.items() if taken == name)
        cid: str = self.api.create_container(self.image, WAITS, name=name, stdin_open=True)["Id"]
        self.states[cid], self.names[cid], self.exit_codes[cid] = State.CREATED, name, 0
        return cid

    @rule(cid=containers)
    def start(self, cid: str) -> None:
        state = self.states.get(cid)
        if state is State.RUNNING:
            self.api.start(cid)  # already so: a success
            return
        with self.legal_or_refused(state is not None and Op.START in TRANSITIONS[state]):
            self.api.start(cid)
            self.states[cid] = State.RUNNING
            self.exit_codes[cid] = 0

    @rule(cid=containers)
    def pause(self, cid: str) -> None:
        with self.legal_or_refused(self.states.get(cid) is State.RUNNING):
            self.api.pause(cid)
            self.states[cid] = State.PAUSED

    @rule(cid=containers)
    def unpause(self, cid: str) -> None:
        with self.legal_or_refused(self.states.get(cid) is State.PAUSED):
            self.api.unpause(cid)
            self.states[cid] = State.RUNNING

    @rule(cid=containers)
    def stop(self, cid: str) -> None:
        with self.legal_or_refused(cid in self.states):
            self.api.stop(cid, timeout=0)
            self.ended(cid, 137)

    @rule(cid=containers)
    def kill(self, cid: str) -> None:
        with self.legal_or_refused(self.states.get(cid) in ACTIVE):
            self.api.kill(cid)
            self.ended(cid, 137)

    @rule(cid=containers)
    def end_by_itself(self, cid: str) -> None:
        if self.states.get(cid) is not State.RUNNING:
            return
        stream = self.api.attach_socket(cid, params={"stdin": 1, "stream": 1})
        stream._sock.sendall(b"go\n")
        assert self.api.wait(cid)["StatusCode"] == 7
        stream.close()
        self.ended(cid, 7)

    @rule(cid=containers, code=st.integers(0, 255))
    def execute(self, cid: str, code: int) -> None:
        with self.legal_or_refused(self.states.get(cid) is State.RUNNING):
            session = self.api.exec_create(cid, ["sh", "-c", f"echo out; exit {code}"])["Id"]
            assert self.api.exec_start(session) == b"out\n"
            assert self.api.exec_inspect(session)["ExitCode"] == code

    @rule(cid=containers, number=st.integers(0, 5))
    def rename(self, cid: str, number: int) -> None:
        name = f"ck-{number}"
        with self.legal_or_refused(cid in self.states and name not in self.names.values()):
            self.api.rename(cid, name)
            self.names[cid] = name

    @rule(cid=consumes(containers), force=st.booleans())
    def remove(self, cid: str, force: bool) -> None:
        state = self.states.get(cid)
        with self.legal_or_refused(state is not None and (force or state not in ACTIVE)):
            self.api.remove_container(cid, force=force)
            del self.states[cid], self.names[cid], self.exit_codes[cid]

    @rule()
    def kill_the_engine(self) -> None:
        self.daemon.kill9()
        self.daemon.start()
        self.api = self.connect()

    @invariant()
    def the_engine_agrees(self) -> None:
        listed = {each["Id"]: each for each in self.api.containers(all=True)}
        assert {cid: each["State"] for cid, each in listed.items()} == self.states
        assert {cid: each["Names"] for cid, each in listed.items()} == {
            cid: [f"/{name}"] for cid, name in self.names.items()
        }
        for cid, code in self.exit_codes.items():
            assert self.api.inspect_container(cid)["State"]["ExitCode"] == code

    def ended(self, cid: str, code: int) -> None:
        if self.states[cid] in ACTIVE:
            self.states[cid], self.exit_codes[cid] = State.EXITED, code

    def teardown(self) -> None:
        for cid in self.states:
            self.api.remove_container(cid, force=True)
        told = self.api.events(since=self.begin, until=datetime.now().timestamp(), decode=True)
        events = [
            Event(noun=Noun(each["Type"]), action=each["Action"], subject=each["Actor"]["ID"], at=datetime.now())
            for each in told
        ]
        assert order_violations(events) == []
        self.nothing_is_left()

    def nothing_is_left(self) -> None:
        for directory in ("containers", "storage/overlay/containers"):
            assert list((self.daemon.data_root / "data" / directory).glob("*")) == []
        assert [path.name for path in (self.daemon.run_root / "runtime/native").iterdir() if len(path.name) == 64] == []
        for cid in self.states:
            assert list(Path("/sys/fs/cgroup").rglob(cid)) == []


@pytest.mark.root
@pytest.mark.timeout(600)
def test_random_lives(tmp_path: Path) -> None:
    with Daemon() as daemon:
        reference = busybox_layout(tmp_path)
        daemon.ck("pull", reference)
        EngineMachine.daemon, EngineMachine.image = daemon, reference
        case = EngineMachine.TestCase
        case.settings = settings(
            max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        )
        case().runTest()
