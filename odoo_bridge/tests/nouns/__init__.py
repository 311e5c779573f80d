"""What holds for every noun in ``settings.NOUNS``, whatever it is."""
