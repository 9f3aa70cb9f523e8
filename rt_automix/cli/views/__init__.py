"""How a live session shows itself in a terminal, and hears of it."""
