"""Locks of other kinds: read (`kinds`), asked about (`questions`), judged (`judging`), made ours (`importing`)."""
