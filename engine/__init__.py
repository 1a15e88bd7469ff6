"""leadrules: a declarative rules engine for sales leads and marketing automation."""

__version__ = "0.1.0"
