"""What is being worked on, its undo steps, and the session that keeps the head up to date."""
