"""What the tests here hand to container init, and what they get back."""

from collections.abc import Sequence
from typing import Any, Protocol, TypedDict

import attrs

from ck.kernel.drivers.runtime import ExecRequest, TerminalSize

Spec = dict[str, Any]
"""A runtime spec, JSON-shaped, for a test to change before it runs."""


class Failure(TypedDict):
    """The payload of FAILED (`ck.plugins.builtin.runtime_native.child.wire.failure`)."""

    step: str
    errno: int
    message: str
    exit_code: int


@attrs.frozen(kw_only=True)
class Outcome:
    """How a run ended. `failure` is what FAILED said."""

    code: int = 0
    stdout: str = ""
    stderr: str = ""
    failure: Failure | None = None
    executed_after: float | None = None  # seconds from the fork on
    before_fork: float = 0.0
    cgroup_pids: int = 0
    execs: tuple["Outcome", ...] = ()

    @property
    def failed(self) -> Failure:
        """The failure of a run that must have failed."""
        assert self.failure is not None
        return self.failure


class SpecOf(Protocol):
    """Makes a spec like the engine's, for the given arguments."""

    def __call__(self, *argv: str) -> Spec: ...


class Runner(Protocol):
    """Runs a spec in a fresh overlay of the image."""

    def __call__(
        self,
        spec: Spec,
        *,
        user: str = "",
        groups: Sequence[str] = (),
        size: TerminalSize = ...,
        execs: Sequence[ExecRequest] = (),
        signals: Sequence[int] = (),
        overlay: bool = True,
    ) -> Outcome: ...
