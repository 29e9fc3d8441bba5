"""The registry driver "layout": images from files of this machine, OCI layouts and what `docker save` writes."""
