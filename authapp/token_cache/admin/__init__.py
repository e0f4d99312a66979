"""Operators' tasks on the cache: statistics, checks, warming and backups."""
