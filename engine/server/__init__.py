"""HTTP: the API, channels, console, health, metrics and who may use them."""
