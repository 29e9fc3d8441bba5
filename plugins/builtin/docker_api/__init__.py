"""The Docker Engine API as a front end: HTTP/1.1 on a unix socket."""
