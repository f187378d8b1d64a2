"""Does anything know the future? One instrument, and a catalogue of planted leaks that it must find."""
