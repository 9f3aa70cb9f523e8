"""Single steps on samples: mixed, resampled, rounded."""
