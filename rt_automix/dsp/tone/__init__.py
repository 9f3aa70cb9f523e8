"""Filters that shape tone, at no delay."""
