"""The Dockerfile language, as BuildKit's dockerfile/1 frontend reads it: values in, values out, no I/O.

`parse` makes instructions of text, `plan` a graph of stages of them, an `Evaluator` expands their variables one after
another; `PatternMatcher` reads .dockerignore, `PathPattern` the wildcards of COPY. All raise `DockerfileError`.
Standard library, attrs and kernel.errors only.
"""

from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.evaluator import Evaluator
from ck.kernel.dockerfile.filepath_match import PathPattern, has_wildcard
from ck.kernel.dockerfile.graph import BuildPlan, ImageSource, PlannedStage, ScratchSource, Source, StageSource, plan
from ck.kernel.dockerfile.ignore import PatternMatcher, read_ignorefile
from ck.kernel.dockerfile.parse import Dockerfile, Stage, parse
from ck.kernel.dockerfile.scope import global_args, proxy_variables, unused_build_args

__all__ = [
    "BuildPlan",
    "Dockerfile",
    "DockerfileError",
    "Evaluator",
    "ImageSource",
    "PathPattern",
    "PatternMatcher",
    "PlannedStage",
    "ScratchSource",
    "Source",
    "Stage",
    "StageSource",
    "global_args",
    "has_wildcard",
    "parse",
    "plan",
    "proxy_variables",
    "read_ignorefile",
    "unused_build_args",
]
