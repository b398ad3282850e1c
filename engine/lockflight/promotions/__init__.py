"""Replaying a lock in an environment: gates, plan, deployment, checks, and back again when one says no."""
