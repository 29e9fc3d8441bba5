"""What a plugin may call of the engine, and the records it gets back."""
