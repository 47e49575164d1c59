"""Speech that is made: voices, rooms and noise."""
