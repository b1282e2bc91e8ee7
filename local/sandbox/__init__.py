"""This package is where Google AI and Facebook are played on this machine."""
