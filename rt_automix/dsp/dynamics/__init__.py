"""Gains that follow the sound: compressor, limiter, loudness rider."""
