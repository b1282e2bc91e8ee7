-- The roles of a hosted project, once per cluster, made by the superuser supabase_admin (facts: supabase/postgres
-- init scripts and migrations, October 2026). Passwords are set by local/bootstrap.py.

-- Not a superuser, as on hosted: a migration that needs more fails here too.
create role postgres nosuperuser createdb createrole login replication bypassrls;
create role anon nologin inherit;
create role authenticated nologin inherit;
create role service_role nologin inherit bypassrls;
create role authenticator login noinherit;
create role supabase_auth_admin login noinherit createrole;
create role supabase_storage_admin login noinherit;
create role dashboard_user nologin;

grant anon, authenticated, service_role to authenticator;
-- On hosted postgres is a member of supabase_auth_admin, too, but may make nothing in auth; so it is none here.
grant anon, authenticated, service_role to postgres;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;

-- service_role has no timeout of its own, so requests with the secret key run under authenticator's.
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
alter role supabase_auth_admin set search_path = 'auth';
alter role supabase_auth_admin set idle_in_transaction_session_timeout = '60s';
alter role postgres set search_path = "$user", public, extensions;
