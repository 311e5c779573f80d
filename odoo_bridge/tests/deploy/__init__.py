"""Settings, programs, the web server, images: what a deployment stands on."""
