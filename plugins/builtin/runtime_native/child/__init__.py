"""What runs outside ckd: forkserver, shim and container init. Standard library only."""
