"""The teacher, and windows of music with its answers."""
