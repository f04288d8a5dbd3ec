"""The version of the package: apart, since every layer may tell it and the package is the top."""

__version__ = "0.1.0"
