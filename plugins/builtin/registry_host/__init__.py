"""Images made of this machine's own programs: `host/NAME`."""
