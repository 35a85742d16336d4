"""How far transcripts are from references: error rates, of word times, and what of a difference may be chance."""
