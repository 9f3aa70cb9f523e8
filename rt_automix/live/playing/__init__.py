"""The process that plays."""
