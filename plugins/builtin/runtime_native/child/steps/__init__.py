"""What the child does between fork and exec, one group of steps a file. Standard library only; nothing is imported
late."""
