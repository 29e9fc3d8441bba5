"""The queue of a slow client: what goes in comes out, whatever the disk does."""

import errno
import os
import tempfile

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ck.plugins.builtin.runtime_native.child.spill import SpillQueue, unlinked_file


class SpillMachine(RuleBasedStateMachine):
    """The model is one string of bytes.

    Limits are tiny, so that memory, file, the ring's seam and a full disk all occur.
    """

    @initialize(memory=st.integers(1, 8), disk=st.integers(1, 24))
    def make(self, memory: int, disk: int) -> None:
        self.broken = False
        self.model = bytearray()
        self.serial = 0
        self.disk = disk
        self.queue = SpillQueue(self._open, memory, disk)

    def _open(self) -> int:
        if self.broken:
            raise OSError(errno.ENOSPC, "full")
        return unlinked_file(tempfile.gettempdir())

    @rule(broken=st.booleans())
    def break_disk(self, broken: bool) -> None:
        self.broken = broken

    @rule(size=st.integers(0, 40))
    def append(self, size: int) -> None:
        chunk = bytes((self.serial + i) % 251 for i in range(size))
        self.serial += size
        if chunk:
            self.queue.append(chunk)
            self.model += chunk

    @rule(buffers=st.integers(1, 4), data=st.data())
    def send(self, buffers: int, data: st.DataObject) -> None:
        """What a socket does: take some of what is offered."""
        offered = b"".join(self.queue.peek(buffers))
        assert self.model.startswith(offered)
        taken = data.draw(st.integers(0, len(offered)))
        if taken:
            self.queue.consume(taken)
            del self.model[:taken]

    @rule()
    def drain(self) -> None:
        out = bytearray()
        while self.queue:
            buffers = self.queue.peek()
            out += b"".join(buffers)
            self.queue.consume(sum(map(len, buffers)))
        assert out == self.model
        assert not self.queue.full
        self.model.clear()

    @invariant()
    def is_empty_when_the_model_is(self) -> None:
        if hasattr(self, "queue"):
            assert bool(self.queue) == bool(self.model)

    def teardown(self) -> None:
        if hasattr(self, "queue"):
            self.queue.close()
            assert not self.queue


TestSpillQueue = SpillMachine.TestCase
TestSpillQueue.settings = settings(max_examples=60, stateful_step_count=30)


def test_the_file_never_outgrows_its_limit() -> None:
    files = []

    def opened() -> int:
        files.append(unlinked_file(tempfile.gettempdir()))
        return files[-1]

    queue = SpillQueue(opened, memory=10, disk=100)
    for _ in range(50):
        queue.append(b"x" * 30)
        queue.consume(min(25, sum(map(len, queue.peek()))))
        if files:
            assert os.fstat(files[0]).st_size <= 100
    queue.close()


def test_full_ends_when_there_is_room() -> None:
    queue = SpillQueue(lambda: unlinked_file(tempfile.gettempdir()), memory=10, disk=10)
    for chunk in (b"a" * 10, b"b" * 10, b"c" * 10):
        queue.append(chunk)
    assert queue.full
    queue.consume(10)
    assert not queue.full
    queue.close()
