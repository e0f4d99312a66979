"""The use cases, one module a feature: plain functions that commit once, last."""
