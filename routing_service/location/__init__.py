"""Where an incident is: the forms in which people and systems write a location."""
