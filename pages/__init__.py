"""What people look at; one module per address."""
