"""What is aimed at, and what brings it there: profiles, corrections, and their solves."""
