"""How authapp is served in production: `python -m deploy.serve`."""
