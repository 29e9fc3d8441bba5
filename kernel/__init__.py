"""The microkernel: container state machine, event bus, store, plugin manager and engine.

It knows no plugin and no front end.
"""
