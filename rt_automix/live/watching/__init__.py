"""What is told of a session while it plays: loudness over a night, and its health to the system."""
