"""Access to Redis: the client, Lua scripts, the circuit breaker, sealed values, the change log."""
