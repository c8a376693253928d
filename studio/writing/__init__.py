"""What to ask the model, when, and what to do with the answer. No Qt, no I/O, no clock."""
