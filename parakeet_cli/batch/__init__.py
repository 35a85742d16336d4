"""Many inputs as one batch: where outputs go, what is already done, who else is at work, safe writing."""
