-- Default privileges of a hosted project before 30 October 2026: the API roles get everything that postgres makes in
-- public. Older projects' tables still carry such grants, so a migration must be safe under them too.
alter default privileges for role postgres in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on sequences to anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on functions to anon, authenticated, service_role;
