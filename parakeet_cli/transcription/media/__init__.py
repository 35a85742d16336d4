"""What the arguments name becomes open media, and any media a stream of 16 kHz mono samples."""
