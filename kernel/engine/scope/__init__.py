"""Sockets on which less may be done than on the engine's own: checked here, before any verb, and nowhere else."""

from ck.kernel.engine.scope.engine import scoped

__all__ = ["scoped"]
