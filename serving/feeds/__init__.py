"""Where events come from: each feed is one source, told apart by name, that goes on behind a position it is given."""
