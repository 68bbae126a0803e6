"""The photo editor: the photo, its landmarks and the gestures that move them."""
