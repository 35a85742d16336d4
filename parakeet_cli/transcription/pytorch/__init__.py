"""What every recognizer on torch has in common. Imports torch, and so is imported late."""
