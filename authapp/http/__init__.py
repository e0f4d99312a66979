"""Shared by the pages and the API: reading requests, and problem documents."""
