-- `bench.each` contacts for each automation, queued in a run of it as the schedule does; their ids go around the automations.

with run as (
    insert into public.ai_automation_runs (user_id, rule_id, source, total)
    select r.user_id, r.id, 'schedule', current_setting('bench.each')::int
    from public.ai_automation_rules as r
    returning id, rule_id
),

fresh as (
    insert into public.contacts (user_id, page_id, sender_id, last_inbound_at)
    select r.user_id, r.page_id, 'p' || n, now() - interval '2 hours'
    from public.ai_automation_rules as r, generate_series(1, current_setting('bench.each')::int) as n
    returning id, user_id, page_id, sender_id
)

insert into public.ai_automation_contact_states (user_id, rule_id, contact_id, run_id, status_message)
select f.user_id, r.id, f.id, run.id, 'In queue'
from fresh as f
inner join public.ai_automation_rules as r on r.page_id = f.page_id
inner join run on run.rule_id = r.id
order by substr(f.sender_id, 2)::int, r.id;
