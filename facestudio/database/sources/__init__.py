"""Where database heads come from: one module per kind of source."""
