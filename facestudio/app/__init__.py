"""The desktop app: the only place that knows Qt."""
