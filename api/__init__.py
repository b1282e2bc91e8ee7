"""What other programs speak to on the dashboard's server: sign-in, health, the door itself."""
