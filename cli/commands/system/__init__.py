"""Commands on the engine as a whole, and on this client."""
