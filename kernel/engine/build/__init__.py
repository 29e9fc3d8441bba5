"""`build`: a Dockerfile carried out, stage by stage, in the engine's own containers."""
