"""Serving authapp in production: `python -m deploy.serve`."""
