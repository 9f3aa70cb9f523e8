"""From one thread or device to another, each with a clock of its own."""
