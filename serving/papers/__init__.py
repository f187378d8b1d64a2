"""Paper accounts: the simulator of research on the live tape, durable, set beside what was foretold."""
