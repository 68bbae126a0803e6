"""Finds the similar heads of the database and weighs them."""
