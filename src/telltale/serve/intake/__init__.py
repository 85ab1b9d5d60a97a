"""What is kept because a client sent it: events and feedback, on disk before they are acknowledged."""
