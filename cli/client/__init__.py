"""HTTP/1.1 over a unix socket, as far as the Docker Engine API needs it."""
