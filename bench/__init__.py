"""This package is where Stagelight's speed is measured: `make bench`."""
