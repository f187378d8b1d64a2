"""Which versions run, by their aliases."""
