-- Default privileges of a hosted project since 30 October 2026 (supabase.com/changelog/45329): what postgres makes in
-- public can be read and written by no API role, service_role included, until a migration grants it. What stays is
-- truncate, references, trigger (maintain) on tables, update on sequences, and PostgreSQL's own execute for public.
alter default privileges for role postgres in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on sequences to anon, authenticated, service_role;
alter default privileges for role postgres in schema public
revoke select, insert, update, delete on tables from anon, authenticated, service_role;
alter default privileges for role postgres in schema public
revoke usage, select on sequences from anon, authenticated, service_role;
