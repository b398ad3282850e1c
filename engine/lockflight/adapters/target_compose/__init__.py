"""An environment that docker compose runs on one engine."""

from lockflight.adapters.target_compose.target import ComposeTarget

__all__ = ["ComposeTarget"]
