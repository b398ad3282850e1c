"""A Docker engine with Compose."""

from lockflight.adapters.stack_engine.engine import DockerStackEngine
from lockflight.adapters.stack_engine.processes import stop_children

__all__ = ["DockerStackEngine", "stop_children"]
