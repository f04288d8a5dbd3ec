"""The only place with HTTP: routes, their documentation, the error table and the web page."""
