"""Audio in, transcript out: the only wing that imports torch."""
