"""How far transcripts are from references: error rates, errors of word times, and what of a difference may be chance."""
