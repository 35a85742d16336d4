"""What measures accuracy and speed, and against whom. Run from an editable install of the repository."""
