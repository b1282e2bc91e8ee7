-- What is read. Every view sees only what its reader may see (security_invoker).

create or replace view public.active_automation_contacts
with (security_invoker = on)
as
select
    s.id as state_id,
    s.user_id,
    s.rule_id,
    r.name as rule_name,
    s.contact_id,
    c.sender_name,
    c.sender_id,
    s.run_id,
    s.current_stage,
    s.stage_entered_at,
    extract(epoch from now() - s.stage_entered_at) as seconds_in_stage,
    s.status_message,
    s.reason_code,
    s.error_code,
    s.error_message,
    s.error_hint,
    s.generated_message,
    s.generation_time_ms,
    s.tokens_in + s.tokens_out as tokens,
    s.next_send_at,
    greatest(extract(epoch from s.next_send_at - now()), 0) as seconds_until_send,
    s.next_check_at,
    s.follow_up_count,
    s.max_follow_ups,
    s.attempt,
    (s.lease_owner is not null and s.lease_expires_at <= now()) as lost
from public.ai_automation_contact_states as s
inner join public.ai_automation_rules as r on r.id = s.rule_id
inner join public.contacts as c on c.id = s.contact_id
where public.is_in_flight(s.current_stage) or s.stage_entered_at > now() - interval '24 hours';

comment on view public.active_automation_contacts is
'What the monitor lists: every contact in flight, however old, and those that were sent to, failed, skipped or completed in the last 24 hours.';

-- Grouped, not asked stage by stage: under row level security an index serves no comparison of enums, so that each of ten
-- questions would read the whole automation.
create or replace view public.automation_stage_summary
with (security_invoker = on)
as
with there as (
    select
        s.rule_id,
        s.current_stage as stage,
        count(*) as contacts,
        avg(extract(epoch from now() - s.stage_entered_at)) as average_seconds,
        max(extract(epoch from now() - s.stage_entered_at)) as oldest_seconds
    from public.ai_automation_contact_states as s
    where public.is_in_flight(s.current_stage) or s.stage_entered_at > now() - interval '24 hours'
    group by s.rule_id, s.current_stage
),

flow as (
    select
        k.rule_id,
        k.stage,
        sum(k.passed) as passed,
        sum(k.passed_seconds) / nullif(sum(k.passed), 0) as mean_seconds,
        sum(k.entered) filter (where k.minute = date_trunc('minute', now())) as entered_now,
        sum(k.passed) filter (where k.minute = date_trunc('minute', now())) as passed_now
    from public.ai_automation_stage_minutes as k
    where k.minute > now() - interval '1 hour'
    group by k.rule_id, k.stage
)

select
    r.user_id,
    r.id as rule_id,
    g.stage,
    g.position,
    coalesce(n.contacts, 0) as contacts,
    n.average_seconds,
    n.oldest_seconds,
    h.passed as passed_last_hour,
    h.mean_seconds as mean_seconds_last_hour,
    coalesce(h.entered_now, 0) as in_per_minute,
    coalesce(h.passed_now, 0) as out_per_minute
from public.ai_automation_rules as r
cross join unnest(enum_range(null::public.automation_stage)) with ordinality as g (stage, position)
left join there as n on n.rule_id = r.id and n.stage = g.stage
left join flow as h on h.rule_id = r.id and h.stage = g.stage;

comment on view public.automation_stage_summary is
'A row per rule and stage, all ten: how many are there, for how long on average and at most, how long those stayed that left in the last hour, and how many came and went in this minute.';

create or replace view public.automation_live_stats
with (security_invoker = on)
as
select
    r.id as rule_id,
    r.user_id,
    r.page_id,
    r.name as rule_name,
    r.enabled,
    n.queued,
    n.checking,
    n.eligible,
    n.generating,
    n.ready_to_send,
    n.sending,
    n.sent,
    n.failed,
    n.skipped,
    n.completed,
    n.in_flight,
    n.total,
    coalesce(d.sent_today, 0) as sent_today,
    r.daily_limit,
    l.requested_at as last_run_at,
    r.next_run_at
from public.ai_automation_rules as r
left join lateral (
    select
        count(*) filter (where s.current_stage = 'queued') as queued,
        count(*) filter (where s.current_stage = 'checking') as checking,
        count(*) filter (where s.current_stage = 'eligible') as eligible,
        count(*) filter (where s.current_stage = 'generating') as generating,
        count(*) filter (where s.current_stage = 'ready_to_send') as ready_to_send,
        count(*) filter (where s.current_stage = 'sending') as sending,
        count(*) filter (where s.current_stage = 'sent') as sent,
        count(*) filter (where s.current_stage = 'failed') as failed,
        count(*) filter (where s.current_stage = 'skipped') as skipped,
        count(*) filter (where s.current_stage = 'completed') as completed,
        count(*) filter (where public.is_in_flight(s.current_stage)) as in_flight,
        count(*) as total
    from public.ai_automation_contact_states as s
    where
        s.rule_id = r.id
        and (public.is_in_flight(s.current_stage) or s.stage_entered_at > now() - interval '24 hours')
) as n on true
left join lateral (
    select sum(k.entered) as sent_today
    from public.ai_automation_stage_minutes as k
    where
        k.rule_id = r.id and k.stage = 'sent'
        and k.minute >= timezone(r.time_zone, timezone(r.time_zone, now())::date + time '00:00')
) as d on true
left join lateral (
    select u.requested_at
    from public.ai_automation_runs as u
    where u.rule_id = r.id
    order by u.requested_at desc
    limit 1
) as l on true;

comment on view public.automation_live_stats is
'A row per automation: contacts per stage (in flight, and finished within 24 hours), which add up to total, and what went out on the rule''s local day.';

create or replace view public.automation_candidates
with (security_invoker = on)
as
select
    r.user_id,
    r.id as rule_id,
    e.contact_id,
    c.sender_name,
    e.reason_code,
    public.reason_text(e.reason_code) as reason,
    e.next_check_at
from public.ai_automation_rules as r
cross join lateral public.contact_eligibility(r.id) as e
inner join public.contacts as c on c.id = e.contact_id;

comment on view public.automation_candidates is
'Every contact of a rule''s page with the reason it would or would not be written to now. Read it for one rule at a time.';
