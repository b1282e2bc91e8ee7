"""The embedded stack: a real PostgreSQL, a gateway like Supabase's, a sandbox, one supervisor."""

import sys

if sys.platform == "win32":
    raise SystemExit("The embedded stack needs Linux or macOS: use WSL, or set SUPABASE_URL.")
