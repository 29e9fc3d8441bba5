"""The command line client: it speaks HTTP to ckd on a unix socket, and imports nothing of the engine."""
