"""What the compiled chain costs: per block, per call, in instructions."""
