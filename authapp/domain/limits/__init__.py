"""Limits: how often anyone may guess, ask for messages that cost money, or tie up the server."""
