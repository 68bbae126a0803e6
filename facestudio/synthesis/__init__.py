"""Photo-like pictures of known heads: every landmark, vertex and camera is known exactly."""
