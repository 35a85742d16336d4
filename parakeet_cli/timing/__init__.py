"""How long each stage of transcribing takes on this machine, and which machine that is."""
