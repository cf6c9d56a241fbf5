"""Images of heaps: preserve, the base image, what belongs to what, trust, and the proof of a stranger's heap."""
