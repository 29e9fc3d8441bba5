"""The runtime "native": containers straight from the kernel's own calls, one shim process each."""
