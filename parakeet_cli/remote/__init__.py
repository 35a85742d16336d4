"""A running ``parakeet serve`` does the work: recordings go there as jobs, and their transcripts come back whole."""
