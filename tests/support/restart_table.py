"""The truth table of docs/restart.md, asked of the supervisors themselves."""

from collections.abc import Iterator, Mapping
from typing import Final

from ck.kernel.drivers.restart import Ending, Exit, History, OnUnhealthy, Restart, RestartPolicy, Terms
from ck.plugins.builtin.restart_policies import ck_register_restart

BEGIN: Final = "<!-- made by ./dev docs -->\n"
END: Final = "<!-- end -->\n"

ROWS: Final[Mapping[str, tuple[str, Terms, History]]] = {
    "`no`": ("no", Terms(), History()),
    "`on-failure`": ("on-failure", Terms(), History(restarts=7)),
    "`on-failure:3`, third retry past": ("on-failure", Terms(maximum_retries=3), History(restarts=3)),
    "`always`": ("always", Terms(), History()),
    "`unless-stopped`": ("unless-stopped", Terms(), History()),
}


def _exit(status: int, ending: Ending = Ending.PROGRAM, *, oom: bool = False) -> Exit:
    return Exit(exit_status=status, ran_for=1.0, ending=ending, oom_killed=oom)


ENDS: Final[Mapping[str, tuple[Exit, OnUnhealthy]]] = {
    "exit 0": (_exit(0), OnUnhealthy.NONE),
    "exit n": (_exit(3), OnUnhealthy.NONE),
    "signal": (_exit(139), OnUnhealthy.NONE),
    "OOM": (_exit(137, oom=True), OnUnhealthy.NONE),
    "stop by user": (_exit(0, Ending.USER), OnUnhealthy.NONE),
    "kill by user": (_exit(137, Ending.USER), OnUnhealthy.NONE),
    "unhealthy, `--on-unhealthy restart`": (_exit(143, Ending.UNHEALTHY), OnUnhealthy.RESTART),
    "unhealthy, `--on-unhealthy stop`": (_exit(143, Ending.UNHEALTHY), OnUnhealthy.STOP),
}
RETURNS: Final[Mapping[str, tuple[Exit, OnUnhealthy]]] = {
    "reboot while it ran": (_exit(255, Ending.LOST), OnUnhealthy.NONE),
    "`ck engine stop --all`, exit 0": (_exit(0, Ending.SHUTDOWN), OnUnhealthy.NONE),
    "`ck engine stop --all`, exit n": (_exit(143, Ending.SHUTDOWN), OnUnhealthy.NONE),
    "had ended, exit 0": (_exit(0), OnUnhealthy.NONE),
    "had ended, exit n": (_exit(3), OnUnhealthy.NONE),
    "stopped or killed by user": (_exit(137, Ending.USER), OnUnhealthy.NONE),
}


def restart_tables() -> str:
    """Both, as Markdown."""
    return "\n".join(
        [
            "When a run ends:\n",
            *_table(ENDS, engine_returned=False),
            "",
            "When the engine comes back, after its own restart or the machine's:\n",
            *_table(RETURNS, engine_returned=True),
            "",
        ]
    )


def _table(columns: Mapping[str, tuple[Exit, OnUnhealthy]], *, engine_returned: bool) -> Iterator[str]:
    yield f"| policy | {' | '.join(columns)} |"
    yield "|" + "---|" * (len(columns) + 1)
    for label, (name, terms, history) in ROWS.items():
        policy = ck_register_restart()[name]({})
        cells = [_cell(policy, terms, history, *column, engine_returned=engine_returned) for column in columns.values()]
        yield f"| {label} | {' | '.join(cells)} |"


def _cell(
    policy: RestartPolicy, terms: Terms, history: History, end: Exit, action: OnUnhealthy, *, engine_returned: bool
) -> str:
    decision = policy.decide(
        History(restarts=history.restarts, engine_returned=engine_returned),
        Terms(maximum_retries=terms.maximum_retries, on_unhealthy=action),
        end,
    )
    return "start" if isinstance(decision, Restart) else "-"


def with_tables(page: str) -> str:
    """The text of docs/restart.md with the tables in it as they are now."""
    head, _, rest = page.partition(BEGIN)
    return head + BEGIN + restart_tables() + END + rest.partition(END)[2]
