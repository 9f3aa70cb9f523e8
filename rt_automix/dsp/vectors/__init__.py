"""Arithmetic side by side: registers that hold several numbers, and what is computed in them."""
