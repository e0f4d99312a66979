"""The protocol that keeps the cache right; docs/coherence.md states and proves it."""
