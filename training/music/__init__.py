"""The music that is learned from, and what live inputs suffer."""
