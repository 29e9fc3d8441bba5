"""The volume driver `local`: directories on this host, and what the kernel can mount on them."""
