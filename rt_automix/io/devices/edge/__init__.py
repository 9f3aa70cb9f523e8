"""What a callback runs: compiled, on memory that both processes share."""
