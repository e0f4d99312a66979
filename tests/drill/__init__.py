"""Real faults under traffic, one after another: `make drill`."""
