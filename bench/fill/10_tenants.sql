-- A hundred automations, each on a page of its own, over ten tenants; and an eleventh tenant whose one automation has
-- a long queue. `bench.contacts` says how many contacts the hundred have together.

insert into auth.users (id, instance_id, aud, role, email)
select md5('tenant ' || t)::uuid, gen_random_uuid(), 'authenticated', 'authenticated', 'tenant' || t || '@example.com'
from generate_series(1, 11) as t;

insert into public.facebook_pages (id, user_id, facebook_page_id, name, sends_per_minute)
select md5('page ' || p)::uuid, md5('tenant ' || (p - 1) / 10 + 1)::uuid, (1000 + p)::text, 'Page ' || p, 2400
from generate_series(1, 101) as p;

insert into public.facebook_page_secrets (page_id, user_id, encrypted_token)
select p.id, p.user_id, 'sealed'
from public.facebook_pages as p;

insert into public.ai_automation_rules (
    id, user_id, page_id, name, enabled, include_tags, exclude_tags, run_24_7, wait_minutes, daily_limit, prompt,
    max_follow_ups, time_zone
)
select
    md5('rule ' || n)::uuid, md5('tenant ' || (n - 1) / 10 + 1)::uuid, md5('page ' || n)::uuid, 'Automation ' || n, true,
    '{lead}', '{vip}', n % 2 = 0, 60, 100000, 'Ask whether the cake was good.', 3, (array['UTC', 'Asia/Kathmandu', 'America/New_York'])[n % 3 + 1]
from generate_series(1, 101) as n;

insert into public.ai_automation_runs (id, user_id, rule_id, source, requested_at, total)
select md5('run ' || n || ' ' || ago)::uuid, md5('tenant ' || (n - 1) / 10 + 1)::uuid, md5('rule ' || n)::uuid, 'schedule', now() - ago * interval '1 day', 0
from generate_series(1, 101) as n
cross join generate_series(0, 29) as ago;
