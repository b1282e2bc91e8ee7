"""This package is where the real Google AI and the real Facebook are called."""
