"""The other ways in and out: PortAudio, a file in the place of a device, and what all ways have in common."""
