"""JACK, jackd's or PipeWire's."""
