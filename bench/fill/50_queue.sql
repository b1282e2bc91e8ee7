-- For the bookkeeping: `bench.rules` automations with `bench.contacts` contacts between them, and nothing else.

insert into auth.users (id, instance_id, aud, role, email)
values (md5('tenant 1')::uuid, gen_random_uuid(), 'authenticated', 'authenticated', 'tenant1@example.com');

-- A page's rate is not what is weighed here.
alter table public.facebook_pages drop constraint facebook_pages_rate_is_possible;

insert into public.facebook_pages (id, user_id, facebook_page_id, name, sends_per_minute)
select md5('page ' || p)::uuid, md5('tenant 1')::uuid, (1000 + p)::text, 'Page ' || p, 600000
from generate_series(1, current_setting('bench.rules')::int) as p;

insert into public.facebook_page_secrets (page_id, user_id, encrypted_token)
select p.id, p.user_id, 'sealed'
from public.facebook_pages as p;

insert into public.ai_automation_rules (id, user_id, page_id, name, enabled, run_24_7, wait_minutes, daily_limit, prompt)
select md5('rule ' || n)::uuid, md5('tenant 1')::uuid, md5('page ' || n)::uuid, 'Automation ' || n, true, true, 0, 100000, 'Ask whether the cake was good.'
from generate_series(1, current_setting('bench.rules')::int) as n;

insert into public.contacts (id, user_id, page_id, sender_id, sender_name, last_inbound_at)
select
    md5('contact ' || n)::uuid, md5('tenant 1')::uuid, md5('page ' || (n - 1) % current_setting('bench.rules')::int + 1)::uuid, (700000000000 + n)::text,
    'Contact ' || n, now() - interval '2 hours' - (n % 600) * interval '1 minute'
from generate_series(1, current_setting('bench.contacts')::int) as n;
