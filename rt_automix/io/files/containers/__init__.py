"""What audio files are made of: read from their bytes, because decoders do not say."""
