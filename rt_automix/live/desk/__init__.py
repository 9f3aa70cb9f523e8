"""What can be done to a live session by name, for each of its outputs."""
