"""Drawing heads: with OpenGL, or in software where there is none. Importing this loads neither."""
