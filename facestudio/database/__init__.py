"""The 3D head database: its format, its sources, and how its heads are drawn and stored."""
