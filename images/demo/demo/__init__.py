"""The demo application: a web page, an API, a worker and a scheduler in one image."""
