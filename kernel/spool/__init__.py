"""The log spool: what the shim writes for each container and the log drivers read back. Standard library only.

Writers (`open_writer`) run in the shim, after a fork, so nothing here imports more than they need; the readers are in
`local_reader` and `json_reader`.
"""

from ck.kernel.spool.writer import Writer, open_writer

__all__ = ["Writer", "open_writer"]
