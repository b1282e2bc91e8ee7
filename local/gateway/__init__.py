"""This package is where supabase-py is answered like a hosted project would, in front of the embedded PostgreSQL."""
