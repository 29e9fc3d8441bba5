"""Random lives of containers on the real engine: the model is a dict, and the engine must never disagree with it.

Every rule is a request over the API, but for those that kill: ckd, which must change nothing but what restart policies
say of its return, and shims, which ends their containers. After every step nothing may be on the machine that no
container accounts for.
"""

import os
import signal
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
from tests.support.census import parent_of, settled
from tests.support.daemon import Daemon
from tests.support.leaks import inspected, leaks
from tests.support.machine import Machine

# The shell of busybox as PID 1 ignores TERM: a container ends when it is told to by KILL, or by its own command.
WAITS = ["sh", "-c", "read line; exit 7"]
POLICIES = ["no", "no", "always", "unless-stopped", "on-failure"]


class EngineMachine(RuleBasedStateMachine):
    machine: ClassVar[Machine]
    daemon: ClassVar[Daemon]
    image: ClassVar[str]
    containers: Bundle[str] = Bundle("containers")

    def __init__(self) -> None:
        super().__init__()
        self.states: dict[str, State] = {}
        self.names: dict[str, str] = {}
        self.exit_codes: dict[str, int] = {}
        self.policies: dict[str, str] = {}
        self.restarts: dict[str, int] = {}
        self.stopped: set[str] = set()  # by a user
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

    @rule(target=containers, number=st.integers(0, 5), policy=st.sampled_from(POLICIES))
    def create(self, number: int, policy: str) -> str:
        name = f"ck-{number}"
        if name in self.names.values():
            with self.legal_or_refused(False):
                self.api.create_container(self.image, WAITS, name=name, stdin_open=True)
            return next(cid for cid, taken in self.names.items() if taken == name)
        backoff = {"min": 0.001, "max": 0.001} if policy != "no" else {}
        host = self.api.create_host_config(network_mode="bridge")
        host["RestartPolicy"] = {"Name": policy, "Backoff": backoff}
        cid: str = self.api.create_container(self.image, WAITS, name=name, stdin_open=True, host_config=host)["Id"]
        self.states[cid], self.names[cid], self.exit_codes[cid] = State.CREATED, name, 0
        self.policies[cid], self.restarts[cid] = policy, 0
        return cid

    @rule(cid=containers)
    def start(self, cid: str) -> None:
        state = self.states.get(cid)
        if state is State.RUNNING:
            self.api.start(cid)  # already so: a success
            return
        with self.legal_or_refused(state is not None and Op.START in TRANSITIONS[state]):
            self.api.start(cid)
            self.runs(cid)

    @rule(cid=containers)
    def restart(self, cid: str) -> None:
        with self.legal_or_refused(cid in self.states):
            self.api.restart(cid, timeout=0)
            self.runs(cid)

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
            self.stopped_by_user(cid)

    @rule(cid=containers)
    def kill(self, cid: str) -> None:
        with self.legal_or_refused(self.states.get(cid) in ACTIVE):
            self.api.kill(cid)
            self.stopped_by_user(cid)

    @rule(cid=containers)
    def end_by_itself(self, cid: str) -> None:
        if self.states.get(cid) is not State.RUNNING:
            return
        stream = self.api.attach_socket(cid, params={"stdin": 1, "stream": 1})
        stream._sock.sendall(b"go\n")
        stream.close()
        self.ended(cid, 7)

    @rule(cid=containers)
    def kill_the_shim(self, cid: str) -> None:
        if self.states.get(cid) not in ACTIVE:
            return
        pid = self.api.inspect_container(cid)["State"]["Pid"]
        os.kill(parent_of(pid), signal.SIGKILL)
        self.ended(cid, 137)

    @rule(cid=containers, code=st.integers(0, 255))
    def execute(self, cid: str, code: int) -> None:
        with self.legal_or_refused(self.states.get(cid) is State.RUNNING):
            session = self.api.exec_create(cid, ["sh", "-c", f"exit {code}"])["Id"]
            self.api.exec_start(session)
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
            del self.states[cid], self.names[cid], self.exit_codes[cid], self.policies[cid], self.restarts[cid]

    @rule()
    def kill_the_engine(self) -> None:
        self.daemon.kill9()
        self.daemon.start()
        self.api = self.connect()
        for cid, policy in self.policies.items():
            # What had ended is decided on anew; only `always` starts also what a user stopped.
            by_policy = policy == "always" or (policy == "unless-stopped" and cid not in self.stopped)
            if self.states[cid] is State.EXITED and by_policy:
                self.restarts[cid] += 1
                self.runs(cid)

    @invariant()
    def the_engine_agrees(self) -> None:
        # A restart that a policy decided on takes its moment.
        assert settled(self.seen, self.model()) == self.model()
        listed = {each["Id"]: each for each in self.api.containers(all=True)}
        assert {cid: each["Names"] for cid, each in listed.items()} == {
            cid: [f"/{name}"] for cid, name in self.names.items()
        }

    @invariant()
    def nothing_leaks(self) -> None:
        nothing: list[str] = []
        assert settled(lambda: leaks(self.daemon, self.api, self.machine), nothing) == []

    def model(self) -> dict[str, tuple[State, int, int]]:
        return {cid: (state, self.exit_codes[cid], self.restarts[cid]) for cid, state in self.states.items()}

    def seen(self) -> dict[str, tuple[State, int, int]]:
        return {
            each["Id"]: (State(each["State"]["Status"]), each["State"]["ExitCode"], each["RestartCount"])
            for each in inspected(self.api)
        }

    def runs(self, cid: str) -> None:
        self.states[cid], self.exit_codes[cid] = State.RUNNING, 0
        self.stopped.discard(cid)

    def restarts_at_end(self, cid: str) -> bool:
        return self.policies[cid] != "no"

    def stopped_by_user(self, cid: str) -> None:
        if self.states[cid] in ACTIVE:
            self.states[cid], self.exit_codes[cid] = State.EXITED, 137
            self.stopped.add(cid)

    def ended(self, cid: str, code: int) -> None:
        """By itself, with a code that is not 0: every policy but `no` starts it again."""
        self.states[cid], self.exit_codes[cid] = State.EXITED, code
        if self.restarts_at_end(cid):
            self.restarts[cid] += 1
            self.runs(cid)

    def teardown(self) -> None:
        for cid in self.states:
            self.api.remove_container(cid, force=True)
        told = self.api.events(since=self.begin, until=datetime.now().timestamp(), decode=True)
        events = [
            Event(noun=Noun(each["Type"]), action=each["Action"], subject=each["Actor"]["ID"], at=datetime.now())
            for each in told
        ]
        assert order_violations(events) == []
        self.nothing_leaks()


@pytest.mark.root
@pytest.mark.timeout(600)
def test_random_lives(tmp_path: Path) -> None:
    with Machine() as machine, Daemon(config="", netns=machine.host) as daemon:
        reference = busybox_layout(tmp_path)
        daemon.ck("pull", reference)
        EngineMachine.machine, EngineMachine.daemon, EngineMachine.image = machine, daemon, reference
        case = EngineMachine.TestCase
        case.settings = settings(
            max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        )
        case().runTest()
