"""COPY and ADD: their flags, sources and heredocs (reference.md, "COPY", "ADD" and "Here-Documents")."""

from collections.abc import Mapping
from typing import Any

from ck.kernel.dockerfile.arguments import blank_words, json_words
from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.flags import Flags
from ck.kernel.dockerfile.heredoc import parse_heredoc, raw_words
from ck.kernel.dockerfile.instructions import Add, Copy, SourceContent
from ck.kernel.dockerfile.lexer import Statement


def read_copy(statement: Statement, _: str, place: Mapping[str, Any]) -> Copy:
    flags = Flags(statement.flags, texts=["from", "chown", "chmod"], lists=["exclude"], bools=["link", "parents"])
    if "$" in flags.text("from"):
        raise DockerfileError(
            "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope"
            " as a workaround"
        )
    return Copy(
        **_sources("COPY", statement),
        **_shared(flags),
        from_=flags.text("from"),
        parents=flags.switch("parents") or False,
        **place,
    )


def read_add(statement: Statement, _: str, place: Mapping[str, Any]) -> Add:
    flags = Flags(
        statement.flags,
        texts=["chown", "chmod", "checksum"],
        lists=["exclude"],
        bools=["link", "keep-git-dir", "unpack"],
    )
    return Add(
        **_sources("ADD", statement),
        **_shared(flags),
        checksum=flags.text("checksum"),
        keep_git_dir=flags.switch("keep-git-dir") or False,
        unpack=flags.switch("unpack"),
        **place,
    )


def _shared(flags: Flags) -> dict[str, Any]:
    return {
        "chown": flags.text("chown"),
        "chmod": flags.text("chmod"),
        "link": flags.switch("link") or False,
        "exclude": flags.texts("exclude"),
    }


def _sources(keyword: str, statement: Statement) -> dict[str, Any]:
    rest, heredocs = statement.rest, list(statement.heredocs)
    words = json_words(rest)
    if words is None:
        words = tuple(raw_words(rest)) if heredocs else blank_words(rest)
    if len(words) < 2:
        raise DockerfileError(
            f"{keyword} requires at least two arguments, but only {len(words)} was provided. "
            "Destination could not be determined"
        )
    if not heredocs:
        return {"sources": words[:-1], "contents": (), "dest": words[-1]}
    opened = [parse_heredoc(word) is not None for word in words]
    if opened[-1]:
        raise DockerfileError(f"{keyword} cannot accept a heredoc as a destination")
    contents = [SourceContent(name=found.name, data=found.text, expand=found.expand) for found in heredocs]
    paths = tuple(word for word, is_heredoc in zip(words[:-1], opened, strict=False) if not is_heredoc)
    return {"sources": paths, "contents": tuple(contents), "dest": words[-1]}
