"""This package is where supabase-py is answered as a hosted project would answer it."""
