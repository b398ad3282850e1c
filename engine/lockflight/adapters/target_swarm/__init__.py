"""An environment that a Docker swarm runs, reached over one of its managers."""

from lockflight.adapters.target_swarm.target import SwarmTarget

__all__ = ["SwarmTarget"]
