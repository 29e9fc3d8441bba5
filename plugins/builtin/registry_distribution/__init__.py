"""The registry driver "distribution": images from any registry that speaks the OCI distribution spec."""
