"""What ended or restarted a container, told from its record and its events. Pure."""

import signal
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from ck.kernel.api.container import Container, HealthStatus
from ck.kernel.api.why import Moment, Why
from ck.kernel.drivers.restart import Ending
from ck.kernel.events import USER, Event
from ck.kernel.lifecycle import ACTIVE, State
from ck.kernel.linux.cgroup.oom import HOST, OWN

HISTORY: Final = 15  # moments that are shown
_UNTOLD: Final = ("exec_", "attach", "detach", "resize", "top", "archive-path", "extract-to-dir")
_ENDING: Final = (signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
_MIB: Final = 1 << 20


def explain(container: Container, events: Sequence[Event], decision: str, now: datetime) -> Why:
    """*events* are those of the container, oldest first; *decision* is what its restart supervisor says to its end."""
    told = [event for event in events if not event.action.startswith(_UNTOLD)]
    return Why(
        container_id=container.id,
        name=container.name,
        headline=_headline(container, now),
        reasons=tuple(_reasons(container, told, decision)),
        history=tuple(Moment(at=event.at, text=_words(event)) for event in told[-HISTORY:]),
    )


def _headline(container: Container, now: datetime) -> str:
    state = container.state
    since, until = _ago(state.started_at, now), _ago(state.finished_at, now)
    match state.status:
        case State.CREATED:
            return "was never started" if not state.error else "could not be started"
        case State.RUNNING | State.PAUSED:
            again = f", restarted {container.restart_count} times" if container.restart_count else ""
            health = f", {state.health.status.value}" if state.health else ""
            return f"{state.status.value} for {since}{health}{again}"
        case State.RESTARTING:
            left = max(0.0, state.restart_wait - _seconds(state.finished_at, now))
            return f"waits to be started again in {left:.1f} s (restart {state.restarts_in_row})"
        case State.EXITED:
            return f"ended {until} ago with exit code {state.exit_code}"
        case State.REMOVING:
            return "is being removed"
        case State.DEAD:
            return "could not be removed"


def _reasons(container: Container, events: Sequence[Event], decision: str) -> Iterator[str]:
    state = container.state
    if state.error:
        yield f"The last attempt failed: {state.error}"
    end = next((index for index in reversed(range(len(events))) if events[index].action == "die"), None)
    if end is not None:
        begin = next((index for index in reversed(range(end)) if events[index].action == "start"), -1)
        yield _end(container, events[end], events[begin + 1 : end])
    elif state.finished_at is not None:
        yield "The journal of events no longer goes back to its end."
    if state.status in ACTIVE:
        yield from _present(container, events)
    elif decision:
        yield decision


def _end(container: Container, died: Event, before: Sequence[Event]) -> str:
    """The sentence about one end; *before* is what happened in that run until then."""
    code, number = died.attributes.get("exitCode", "?"), int(died.attributes.get("signal", "0"))
    how = f"killed by {_signal(number)}" if number else f"exit code {code}"
    if died.cause == Ending.LOST:
        return "The machine went down while it ran, or someone cleared the engine's run root: nobody saw how it ended."
    killed = any(event.action == "oom" for event in before)
    if killed and not any(event.action == "kill" for event in before):
        if number == signal.SIGKILL or code == str(128 + signal.SIGKILL):
            return f"It ran out of {_which_memory(container)} ({how}): the kernel's OOM killer ended it."
        return (
            f"The program ended by itself ({how}){_meaning(code)}, after the kernel's OOM killer had killed a process "
            f"in it, which had run out of {_which_memory(container)}."
        )
    sent = [event for event in before if event.action == "kill" and _may_end(container, event, number)]
    asked = [event for event in sent if event.cause in (Ending.UNHEALTHY, Ending.SHUTDOWN)] or sent
    if not asked:
        if number:
            return (
                f"It was {how}, which did not come through the engine: the program itself, or a process on the host, "
                "sent it."
            )
        return f"The program ended by itself ({how}){_meaning(code)}."
    signals = " then ".join(dict.fromkeys(_signal(int(event.attributes["signal"])) for event in sent))
    first = asked[0]
    if first.cause == Ending.UNHEALTHY:
        return f"The engine stopped it because its health check failed ({signals}; {how})."
    if first.cause == Ending.SHUTDOWN:
        return f"The engine stopped it in order to go down ({signals}; {how})."
    return f"{_actor(first)} ended it ({signals}; {how})."


def _which_memory(container: Container) -> str:
    limit, whose = container.host_config.resources.memory, container.state.oom_limit
    if whose not in ("", OWN, HOST):
        return f"the memory limit of the control group {whose}"
    if limit and whose != HOST:
        return f"its memory limit of {limit / _MIB:g} MiB"
    return "memory below its own limit: the host had none left" if limit else "the host's memory: it has no limit"


def _may_end(container: Container, sent: Event, by: int) -> bool:
    """Whether the signal *sent* brought about an end by signal *by* (0: an exit). Some programs live on with a USR1."""
    number = int(sent.attributes.get("signal", "0"))
    return number in (by, *_ENDING) or _signal(number).removeprefix("SIG") in container.config.stop_signal.upper()


def _meaning(code: str) -> str:
    if code == "126":
        return ", which shells use for a program that cannot be executed"
    if code == "127":
        return ", which shells use for a program that is not found"
    return ""


def _present(container: Container, events: Sequence[Event]) -> Iterator[str]:
    started = next((event for event in reversed(events) if event.action == "start"), None)
    if started is not None:
        yield f"It was last started {_by(started)}."
    health = container.state.health
    if health is not None and health.status is HealthStatus.UNHEALTHY and health.log:
        last = health.log[-1]
        yield f"Its health check failed {health.failing_streak} times in a row, last with: {_line(last.output)}"


def _words(event: Event) -> str:
    attributes = event.attributes
    match event.action:
        case "create":
            return f"created {_by(event)}"
        case "start":
            return f"started {_by(event)}"
        case "die":
            number = int(attributes.get("signal", "0"))
            how = _signal(number) if number else f"exit code {attributes.get('exitCode', '?')}"
            return f"ended after {attributes.get('execDuration', '?')} s: {how}"
        case "kill":
            return f"{_signal(int(attributes.get('signal', '0')))} {_by(event)}"
        case "oom":
            return "out of memory: the kernel killed a process in it"
        case "rename":
            return f"renamed from {attributes.get('oldName', '?').removeprefix('/')} {_by(event)}"
        case action if action.startswith("health_status"):
            return action.partition(": ")[2]
        case action:
            return f"{action} {_by(event)}"


def _by(event: Event) -> str:
    if event.cause == USER:
        return f"by {_actor(event, inside=True)}"
    return f"by the engine ({event.cause})"


def _actor(event: Event, *, inside: bool = False) -> str:
    name = event.program or ("a program" if inside else "A program")
    return f"{name} (uid {event.uid}, pid {event.pid})"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:200] if lines else "no output"


def _seconds(then: datetime | None, now: datetime) -> float:
    return (now - then).total_seconds() if then else 0.0


def _ago(then: datetime | None, now: datetime) -> str:
    seconds = _seconds(then, now)
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds < 172800 else f"{seconds / 86400:.0f} days"
