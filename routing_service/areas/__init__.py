"""Areas on the map: how far one gets in so many minutes, and which unit is nearest where."""
