"""What is heard: frames, long-term statistics, and what the sound is (music, talk, applause, clipped)."""
