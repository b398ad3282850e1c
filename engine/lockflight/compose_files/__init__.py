"""Compose files read without an engine: which images they use and which files they bind in.

`project.load_project` is the way in. The rules are those of compose-go, which Compose v2 is made of; the
tests compare every one of them with the real `docker compose config`.
"""
