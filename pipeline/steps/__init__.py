"""This package is where a contact takes one step: a job goes in, an outcome comes out."""
