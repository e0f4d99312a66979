"""Talking to Redis: the client, its Lua scripts, the breaker, sealed values, the change log."""
