"""What authapp costs beside other libraries, measured side by side: `make bench`."""
