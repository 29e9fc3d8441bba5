"""The resolver `dns`: answers the queries of containers, at 127.0.0.11 in their own network namespaces."""
