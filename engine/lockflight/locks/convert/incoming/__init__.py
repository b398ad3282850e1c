"""Locks of other kinds: read (`kinds`), asked about (`questions`), judged, and made ours (`importing`)."""
