"""Health probes: a command in the container, and without any process of its own HTTP and TCP."""
