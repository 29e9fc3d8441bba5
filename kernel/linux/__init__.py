"""The system calls that Python's standard library lacks, used on both sides of a fork.

Standard library only and light to import: container init is forked from a process that holds these modules. Every
function raises OSError with the errno of the call.
"""
