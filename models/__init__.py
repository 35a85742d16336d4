"""The demo checkpoint and the script that trains it."""
