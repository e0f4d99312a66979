"""Use cases, one module per feature: plain functions that commit once, at the end."""
