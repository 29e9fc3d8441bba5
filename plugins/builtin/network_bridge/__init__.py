"""The network driver `bridge`: Linux bridges, veth pairs, and nftables for what may pass and what is published."""
