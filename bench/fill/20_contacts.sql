-- Contacts of the hundred pages, and as many as a tenth of them on the eleventh tenant's page.

insert into public.contacts (
    id, user_id, page_id, sender_id, sender_name, tags, time_zone, last_inbound_at, last_outbound_at
)
select
    md5('contact ' || g.page || ' ' || g.n)::uuid, md5('tenant ' || (g.page - 1) / 10 + 1)::uuid, md5('page ' || g.page)::uuid,
    (700000000000 + g.page * 10000000 + g.n)::text, 'Contact ' || g.n,
    case g.n % 20 when 0 then '{lead,vip}' when 1 then '{other}' else '{lead}' end::text [],
    case g.n % 10 when 0 then 'Europe/Berlin' when 1 then 'Asia/Kolkata' end,
    now() - interval '2 hours' - (g.n % 1600) * interval '1 minute', null
from (
    select p as page, n
    from generate_series(1, 101) as p
    cross join lateral generate_series(1, case
        when p <= 100 then current_setting('bench.contacts')::int / 100 else current_setting('bench.contacts')::int / 10
    end) as n
) as g;

-- Where every contact is. Of a hundred of one automation four are in flight, and a fifth of the others finished today,
-- at all hours of it, however few they are.
insert into public.ai_automation_contact_states (
    user_id, rule_id, page_id, contact_id, run_id, current_stage, stage_entered_at, queued_at, due_at, next_send_at,
    next_check_at, status_message, reason_code, error_code, error_message, error_hint, generated_message, ai_model,
    tokens_in, tokens_out, generation_time_ms, follow_up_count, max_follow_ups, last_sent_at, lease_owner, lease_token, lease_expires_at
)
select
    c.user_id, md5('rule ' || g.page)::uuid, c.page_id, c.id, md5('run ' || g.page || ' 0')::uuid, k.stage, m.entered_at, m.entered_at,
    case when g.page = 101 then now() - interval '2 days' else m.entered_at end,
    case when k.stage in ('ready_to_send', 'sending') then now() end,
    case when k.stage in ('sent', 'skipped') then now() + interval '5 hours' end,
    'Said about this contact', case when k.stage = 'skipped' then (array['waiting', 'replied', 'window_closed'])[g.n % 3 + 1] end,
    case when k.stage = 'failed' then (array['refused', 'outcome_unknown'])[g.n % 2 + 1] end,
    case when k.stage = 'failed' then 'Facebook does not take this message.' end,
    case when k.stage = 'failed' then 'Look at it, then retry the contact.' end,
    case when k.stage in ('ready_to_send', 'sending', 'sent', 'failed', 'completed')
        then 'Hello, it was lovely to have you here last week. Was the cake as good as you had hoped? See you on Saturday!'
    end,
    'gemini-flash', 800, 60, 900, g.n % 3, 3, case when k.stage in ('sent', 'completed') then m.entered_at end,
    h.lease_owner, h.lease_token, h.lease_expires_at
from (
    select p as page, n
    from generate_series(1, 101) as p
    cross join lateral generate_series(1, case
        when p <= 100 then current_setting('bench.contacts')::int / 100 else current_setting('bench.contacts')::int / 10
    end) as n
) as g
inner join public.contacts as c on c.id = md5('contact ' || g.page || ' ' || g.n)::uuid
cross join lateral (
    select case
        when g.page = 101 or g.n % 100 = 0 then 'queued' when g.n % 100 = 1 then 'eligible'
        when g.n % 100 = 2 then 'ready_to_send' when g.n % 300 = 3 then 'checking' when g.n % 300 = 103 then 'generating'
        when g.n % 300 = 203 then 'sending' when g.n % 100 < 30 then 'sent' when g.n % 100 < 31 then 'failed'
        when g.n % 100 < 60 then 'skipped' else 'completed'
    end::public.automation_stage as stage
) as k
cross join lateral (
    select now() - case
        when k.stage <= 'sending' then (1 + g.n % 90) * interval '1 minute'
        when (g.n / 100) % 5 = 0 then (g.n * 997 % 1400) * interval '1 minute'
        else (25 + g.n % 670) * interval '1 hour'
    end as entered_at
) as m
left join lateral (
    select 'worker-0' as lease_owner, gen_random_uuid() as lease_token, now() + interval '1 hour' as lease_expires_at
    where k.stage in ('checking', 'generating', 'sending')
) as h on true
order by g.page, g.n;

insert into public.contact_messages (user_id, contact_id, direction, body, facebook_message_id, said_at)
select s.user_id, s.contact_id, 'in', 'Do you still have the one with the cherries?', 'm_' || s.id, s.queued_at - interval '3 hours'
from public.ai_automation_contact_states as s
where s.current_stage <= 'sending';

select public.recount_stages();

update public.ai_automation_runs as r
set total = n.contacts
from (
    select s.run_id, count(*) as contacts
    from public.ai_automation_contact_states as s
    where s.current_stage <= 'sending'
    group by s.run_id
) as n
where r.id = n.run_id;
