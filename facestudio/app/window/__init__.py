"""The main window, its actions and the welcome page."""
