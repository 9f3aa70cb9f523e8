"""The correction: what masters are like, what damage does to them, and the networks that tell."""
