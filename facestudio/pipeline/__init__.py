"""The way of the data, from a Photo to a Head: stages, and the one runner that app, command line and tests use."""
