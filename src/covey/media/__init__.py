"""Pictures, films and sounds: what they are, made fit to be shown, and where they lie."""
