"""The system tests of a stack: commands on this machine, services of the stack, images of the lock."""
