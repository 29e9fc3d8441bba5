"""Dockerfiles as they are found in the wild, and what the documentation says of each: corpus/NAME.{Dockerfile,json}.

The expectation is written by hand. `does` has one line for each instruction of a stage, evaluated, as `told` tells it;
the build is for linux/arm64 on linux/amd64.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from ck.kernel.dockerfile.evaluator import Evaluator
from ck.kernel.dockerfile.graph import ImageSource, PlannedStage, Source, StageSource, plan
from ck.kernel.dockerfile.instructions import (
    Add,
    Arg,
    Command,
    Copy,
    CopyFiles,
    Env,
    Expose,
    Healthcheck,
    Instruction,
    Label,
    Maintainer,
    OnBuild,
    Run,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from ck.kernel.dockerfile.mounts import Mount
from ck.kernel.dockerfile.parse import parse
from ck.kernel.dockerfile.scope import global_args

CORPUS = Path(__file__).parent / "corpus"
NAMES = sorted(path.stem for path in CORPUS.glob("*.Dockerfile"))
INPUTS = ("build_args", "base_env", "target", "triggers")
SECOND = 10**9


def test_the_corpus_is_whole() -> None:
    assert len(NAMES) >= 60
    assert sorted(path.stem for path in CORPUS.glob("*.json")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_corpus(name: str) -> None:
    expected = json.loads((CORPUS / f"{name}.json").read_text())
    assert found(name, expected) == expected


def found(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """What the code makes of a Dockerfile with the inputs *given*, in the shape of the expectation."""
    dockerfile = parse((CORPUS / f"{name}.Dockerfile").read_bytes())
    build_args, target = given.get("build_args", {}), given.get("target", "")
    args = global_args(
        dockerfile,
        build_args=build_args,
        target_platform="linux/arm64",
        build_platform="linux/amd64",
        target=target,
    )
    triggers = {int(index): expressions for index, expressions in given.get("triggers", {}).items()}
    result = plan(dockerfile, global_args=args, target=target, triggers=triggers)
    evaluators: dict[int, Evaluator] = {}
    stages = []
    for stage in result.stages:
        if isinstance(stage.base, StageSource):
            evaluator = evaluators[stage.base.index].child()
        else:
            evaluator = Evaluator(
                env=given.get("base_env", {}).get(str(stage.index), {}),
                global_args=args,
                build_args=build_args,
                escape=dockerfile.directives.escape,
            )
        evaluators[stage.index] = evaluator
        does = [told(evaluator.evaluate(instruction), stage) for instruction in stage.instructions]
        stages.append(
            {"title": stage.title, "base": source(stage.base), "waits_for": list(stage.waits_for), "does": does}
            | ({"platform": stage.platform} if stage.platform else {})
        )
    inputs: dict[str, Any] = {
        key: given[key] for key in ("build_args", "base_env", "target", "triggers") if key in given
    }
    optional = {
        "syntax": dockerfile.directives.syntax,
        "escape": dockerfile.directives.escape if dockerfile.directives.escape != "\\" else None,
        "warnings": [f"{warning.line}: {warning.text}" for warning in dockerfile.warnings],
    }
    extra = {key: value for key, value in optional.items() if value}
    return {**inputs, **extra, "stages": stages, "env": evaluators[result.target.index].env}


def source(one: Source) -> str:
    match one:
        case StageSource(index):
            return f"stage {index}"
        case ImageSource(reference):
            return f"image {reference}"
        case _:
            return "scratch"


def told(instruction: Instruction, stage: PlannedStage) -> str:
    return " ".join([instruction.keyword, *words(instruction, stage)])


def words(instruction: Instruction, stage: PlannedStage) -> list[str]:
    match instruction:
        case Arg(args=args):
            return [name if value is None else f"{name}={value}" for name, value in args]
        case Env(pairs=pairs) | Label(pairs=pairs):
            return [f"{name}={value}" for name, value in pairs]
        case Run():
            mounts = [f"<{mounted(mount, stage)}>" for mount in instruction.mounts]
            network = [f"network={instruction.network}"] if instruction.network != "default" else []
            security = [f"security={instruction.security}"] if instruction.security != "sandbox" else []
            script = [f"script {instruction.script.name}:"] if instruction.script else []
            return [*mounts, *network, *security, *script, command(instruction)]
        case Command():
            return [command(instruction)]
        case Copy() | Add():
            return copied(instruction, stage)
        case Workdir(path=text) | User(user=text) | StopSignal(signal=text) | Maintainer(author=text):
            return [text]
        case OnBuild(expression=text):
            return [text]
        case Volume(paths=paths):
            return [", ".join(paths)]
        case Expose(ports=ports):
            return list(ports)
        case Shell(args=shell):
            return [json.dumps(shell)]
        case Healthcheck():
            times = ("interval", "timeout", "start_period", "start_interval")
            seconds = [f"{name}={getattr(instruction, name) / SECOND}" for name in times if getattr(instruction, name)]
            retries = [f"retries={instruction.retries}"] if instruction.retries else []
            return [*seconds, *retries, *instruction.test]
        case _:
            raise AssertionError(f"no words for {instruction}")


def command(instruction: Command) -> str:
    return " ".join(instruction.args) if instruction.shell else json.dumps(instruction.args)


def mounted(mount: Mount, stage: PlannedStage) -> str:
    """Its kind and target, and what is not plain from these."""
    plain_id = {"cache": mount.target, "bind": "", "tmpfs": ""}.get(mount.type)
    numbers = [f"{name}={value}" for name, value in (("uid", mount.uid), ("gid", mount.gid)) if value is not None]
    return " ".join(
        [
            mount.type,
            *([mount.target] if mount.target else []),
            *([f"env={mount.env}"] if mount.env else []),
            *([f"from {source(stage.sources[mount.from_])}"] if mount.from_ else []),
            *([f"id={mount.id}"] if mount.id != plain_id else []),
            *(["rw"] if mount.type == "bind" and not mount.read_only else []),
            *([f"sharing={mount.sharing}"] if mount.sharing != "shared" else []),
            *(["required"] if mount.required else []),
            *([f"mode={mount.mode:o}"] if mount.mode is not None else []),
            *numbers,
            *([f"size={mount.size}"] if mount.size else []),
        ]
    )


def copied(instruction: CopyFiles, stage: PlannedStage) -> list[str]:
    flags = [f"{name}={getattr(instruction, name)}" for name in ("chown", "chmod") if getattr(instruction, name)]
    flags += ["link"] if instruction.link else []
    if isinstance(instruction, Copy):
        flags = [*([f"from {source(stage.sources[instruction.from_])}:"] if instruction.from_ else []), *flags]
        flags += ["parents"] if instruction.parents else []
    if isinstance(instruction, Add):
        flags += [f"checksum={instruction.checksum}"] if instruction.checksum else []
        flags += ["keep-git-dir"] if instruction.keep_git_dir else []
        flags += [f"unpack={instruction.unpack}"] if instruction.unpack is not None else []
    flags += [f"exclude={','.join(instruction.exclude)}"] if instruction.exclude else []
    files = [*instruction.sources, *(f"<<{content.name}: {content.data}" for content in instruction.contents)]
    return [*flags, ", ".join(files), "->", instruction.dest]
