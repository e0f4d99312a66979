"""Second factors of every kind, remembered devices, and the wait after losing every factor."""
