"""Helpers that tests share. No test imports another test module, or conftest."""
