"""What a person types and sees in a terminal: the parser of the command, its tables and lines."""
