"""What is measured of sound: loudness, true peak, sound level."""
