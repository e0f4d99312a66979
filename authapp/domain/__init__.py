"""Rules and building blocks that several use cases share; nothing here commits."""
