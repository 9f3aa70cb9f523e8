"""MIDI controllers at work: from their messages to the desk, and back to their lights."""
