"""``parakeet serve``: an HTTP door to the transcription engine, which lives in a process of its own."""
