"""The microkernel: container state machine, event bus, store, plugin manager and engine. Knows no plugin and no front end."""
