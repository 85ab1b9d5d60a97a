"""A Dockerfile, read: its stages, and what each of them does in order."""

import json
import re
import shlex
from pathlib import Path

import msgspec


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One instruction: its word, and what stands after it, on one line."""

    word: str
    rest: str

    def words(self) -> list[str]:
        """What stands after it, as a list: of JSON where it is that, else split as a shell does."""
        if self.rest.startswith("["):
            return [str(word) for word in json.loads(self.rest)]
        return shlex.split(self.rest)


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What follows one FROM."""

    base: str
    name: str
    steps: tuple[Step, ...]

    def last(self, word: str) -> Step:
        """The instruction that counts where there may be several."""
        return [step for step in self.steps if step.word == word][-1]

    def environment(self) -> dict[str, str]:
        """What ENV sets; $PATH is the base image's."""
        pairs = (pair for step in self.steps if step.word == "ENV" for pair in step.words())
        return dict(pair.split("=", 1) for pair in pairs)

    def health_check(self) -> tuple[dict[str, str], list[str]]:
        """Options of HEALTHCHECK, and its command."""
        options, command = re.fullmatch(r"(.*?)\s*CMD (\[.*\])", self.last("HEALTHCHECK").rest).groups()  # type: ignore[union-attr]
        return dict(word.removeprefix("--").split("=", 1) for word in options.split()), json.loads(command)


def read_dockerfile(path: Path) -> list[Stage]:
    """Its stages in order. Comments and continued lines are taken away."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    text = re.sub(r"\\\n\s*", "", "\n".join(lines))
    stages: list[Stage] = []
    for line in filter(None, text.splitlines()):
        word, rest = line.split(" ", 1)
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(base=base, name=name, steps=()))
        else:
            stage = stages[-1]
            steps = (*stage.steps, Step(word=word, rest=rest.strip()))
            stages[-1] = msgspec.structs.replace(stage, steps=steps)
    return stages
