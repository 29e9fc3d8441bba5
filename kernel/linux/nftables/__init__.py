"""nftables without its command: objects and expressions as netlink messages, sent to the kernel in transactions.

Sources: include/uapi/linux/netfilter/nf_tables.h and nfnetlink.h; the wire format is that of netlink(7).
"""
