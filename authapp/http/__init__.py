"""What pages and programs' routes share: what a request brings along, and errors for programs."""
