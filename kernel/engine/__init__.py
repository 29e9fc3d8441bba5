"""The engine: one verb group a file, over the store, the drivers and one actor per container."""
