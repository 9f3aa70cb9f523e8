"""The process that starts the one that plays, watches it, and replaces it."""
