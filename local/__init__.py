"""The embedded stack: a real PostgreSQL, a gateway like Supabase's, a sandbox, one supervisor."""
