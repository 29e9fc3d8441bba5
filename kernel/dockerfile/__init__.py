"""The Dockerfile language, as BuildKit's dockerfile/1 frontend reads it: values in, values out, no I/O.

`parse` makes instructions of text, `plan` a graph of stages of them, an `Evaluator` expands their variables one after
another; `PatternMatcher` reads .dockerignore. Standard library, attrs and kernel.errors only.
"""
