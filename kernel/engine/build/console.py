"""What a build says while it goes on, in the words of Docker's builder, and what a failed step said last."""

import codecs
from collections import deque
from typing import Final

from ck.kernel.api.image import Progress
from ck.kernel.engine.progress import Tell

TAIL_LINES: Final = 20
_LONGEST: Final = 1 << 14  # of a line that is held back for its end


class Console:
    """Of one build."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._many = False
        self._steps = self._begun = 0
        self._noted: list[str] = []

    def begin(self, stages: int, steps: int) -> None:
        """There are so many *stages*, which may be built side by side, and *steps* in all."""
        self._many, self._steps = stages > 1, steps

    def number(self) -> str:
        """Of the next step: "3/12"."""
        self._begun += 1
        return f"{self._begun}/{self._steps}"

    def note(self, text: str) -> None:
        """One line, which is told with the next that is said, or with `flush`. Each message costs both sides something,
        and a build that finds all in the cache has nothing but such lines."""
        self._noted.append(f"{text}\n")

    async def flush(self) -> None:
        """Tell what was noted: before anything that takes time."""
        if self._noted:
            noted, self._noted = "".join(self._noted), []
            await self._tell.send(Progress(line=noted))

    async def say(self, text: str) -> None:
        """One line, at once."""
        await self.flush()
        await self._tell.send(Progress(line=f"{text}\n"))

    async def pass_on(self, progress: Progress) -> None:
        """What a pull tells."""
        await self.flush()
        await self._tell.send(progress)

    async def output(self, title: str) -> "StepOutput":
        """For the output of a step of the stage *title*."""
        await self.flush()
        return StepOutput(self._tell, f"[{title}] " if self._many else "")


class StepOutput:
    """The output of one command: passed on, its end remembered."""

    def __init__(self, tell: Tell, prefix: str) -> None:
        self._tell, self._prefix = tell, prefix
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._begun = ""  # of a line
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)

    async def write(self, piece: bytes) -> None:
        """Pass *piece* on: at once, or line by line where a prefix is to go before each."""
        text = self._decoder.decode(piece)
        *lines, rest = (self._begun + text).split("\n")
        self._tail.extend(lines)
        if not self._prefix:
            self._begun = rest[-_LONGEST:]
            if text:
                await self._tell.send(Progress(line=text))
            return
        if len(rest) > _LONGEST:
            lines, rest = [*lines, rest], ""
        self._begun = rest
        for line in lines:
            await self._tell.send(Progress(line=f"{self._prefix}{line}\n"))

    async def end(self) -> None:
        """A last line that has no end gets one."""
        if self._begun:
            self._tail.append(self._begun)
            await self._tell.send(Progress(line=f"{self._prefix}{self._begun}\n" if self._prefix else "\n"))

    def tail(self) -> str:
        """The last lines."""
        return "\n".join(self._tail)
