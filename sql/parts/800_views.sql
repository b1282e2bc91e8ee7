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
    public.next_look(r.run_at, r.time_zone, s.next_check_at) as next_check_at,
    s.follow_up_count,
    s.max_follow_ups,
    s.attempt,
    (s.lease_owner is not null and (s.lease_expires_at <= now() or public.is_silent(s.lease_owner))) as lost
from public.ai_automation_contact_states as s
inner join public.ai_automation_rules as r on r.id = s.rule_id
inner join public.contacts as c on c.id = s.contact_id
where s.slot >= (select public.monitor_since());

comment on view public.active_automation_contacts is
'What the monitor lists: every contact in flight, however old, and those that were sent to, failed, skipped or completed in the last 24 hours (see monitor_since).';

create or replace function public.bucket_seconds(p_bucket smallint)
returns double precision
language sql
immutable
set search_path = ''
as $$
    select 0.01 * power(1.2::double precision, p_bucket - 0.5);
$$;

comment on function public.bucket_seconds(smallint) is 'The middle of a duration bucket of ai_automation_stage_minutes, within 10 % of every duration in it (from 10 ms up).';

create or replace view public.automation_stage_summary
with (security_invoker = on)
as
select
    r.user_id,
    r.id as rule_id,
    c.stage,
    c.position,
    c.contacts,
    c.average_seconds,
    c.oldest_seconds,
    c.passed_last_hour,
    c.mean_seconds_last_hour,
    c.in_per_minute,
    c.out_per_minute,
    c.p50_seconds,
    c.p95_seconds
from public.ai_automation_rules as r
cross join lateral ( -- noqa: ST05
    with place (stage, position, stage_rank) as (
        values
        ('queued'::public.automation_stage, 1::bigint, 6::smallint),
        ('checking', 2, 5),
        ('eligible', 3, 4),
        ('generating', 4, 3),
        ('ready_to_send', 5, 2),
        ('sending', 6, 1),
        ('sent', 7, 7),
        ('failed', 8, 0),
        ('skipped', 9, 8),
        ('completed', 10, 9)
    ),

    flow as (
        select
            m.stage,
            m.bucket,
            sum(m.passed) as passed,
            sum(m.passed_seconds) as passed_seconds,
            sum(m.entered) filter (where m.minute = (select date_trunc('minute', now()))) as entered_now,
            sum(m.entered) filter (where m.minute = (select date_trunc('minute', now()) - interval '1 minute')) as entered_before,
            sum(m.passed) filter (where m.minute = (select date_trunc('minute', now()))) as passed_now,
            sum(m.passed) filter (where m.minute = (select date_trunc('minute', now()) - interval '1 minute')) as passed_before
        from public.ai_automation_stage_minutes as m
        where m.rule_id = r.id and m.minute > now() - interval '1 hour'
        group by m.stage, m.bucket
    ),

    ranked as (
        select
            f.*,
            sum(f.passed) over (partition by f.stage order by f.bucket) as passed_upto,
            sum(f.passed) over (partition by f.stage) as passed_total
        from flow as f
    ),

    paced as (
        select
            k.stage,
            sum(k.passed) as passed,
            sum(k.passed_seconds) / nullif(sum(k.passed), 0) as mean_seconds,
            -- The better of this minute and the one before, so that no rate drops to zero when a minute begins.
            greatest(sum(k.entered_now), sum(k.entered_before)) as in_per_minute,
            greatest(sum(k.passed_now), sum(k.passed_before)) as out_per_minute,
            min(k.bucket) filter (where k.passed_total > 0 and k.passed_upto >= 0.5 * k.passed_total) as p50,
            min(k.bucket) filter (where k.passed_total > 0 and k.passed_upto >= 0.95 * k.passed_total) as p95
        from ranked as k
        group by k.stage
    ),

    there as (
        select
            n.stage,
            sum(n.contacts) as contacts,
            sum(n.entered_ms) as entered_ms
        from public.ai_automation_stage_counts as n
        where n.rule_id = r.id and n.slot >= (select public.monitor_since())
        group by n.stage
    )

    select
        g.stage,
        g.position,
        coalesce(t.contacts, 0) as contacts,
        case when t.contacts > 0 then greatest(extract(epoch from now()) - t.entered_ms / t.contacts / 1000, 0) end as average_seconds,
        extract(epoch from now() - o.stage_entered_at) as oldest_seconds,
        p.passed as passed_last_hour,
        p.mean_seconds as mean_seconds_last_hour,
        coalesce(p.in_per_minute, 0) as in_per_minute,
        coalesce(p.out_per_minute, 0) as out_per_minute,
        public.bucket_seconds(p.p50) as p50_seconds,
        public.bucket_seconds(p.p95) as p95_seconds
    from place as g
    left join there as t on t.stage = g.stage
    left join paced as p on p.stage = g.stage
    left join lateral (
        select s.stage_entered_at
        from public.ai_automation_contact_states as s
        where
            t.contacts > 0 and s.rule_id = r.id and s.stage_rank = g.stage_rank
            and s.stage_entered_at >= case when g.stage_rank between 1 and 6 then '-infinity' else (select public.monitor_since()) end
        order by s.stage_entered_at
        limit 1
    ) as o on true
) as c;

comment on view public.automation_stage_summary is
'A row per rule and stage, all ten: how many are there, for how long on average and at most, how long those stayed that left in the last hour (mean, p50, p95 within 10 %), and how many come and go in a minute. Reads counts, not contacts.';

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
    coalesce(d.sent, 0) as sent_today,
    r.daily_limit,
    l.requested_at as last_run_at,
    r.next_run_at
from public.ai_automation_rules as r
left join lateral (
    select
        coalesce(sum(k.contacts) filter (where k.stage = 'queued'), 0) as queued,
        coalesce(sum(k.contacts) filter (where k.stage = 'checking'), 0) as checking,
        coalesce(sum(k.contacts) filter (where k.stage = 'eligible'), 0) as eligible,
        coalesce(sum(k.contacts) filter (where k.stage = 'generating'), 0) as generating,
        coalesce(sum(k.contacts) filter (where k.stage = 'ready_to_send'), 0) as ready_to_send,
        coalesce(sum(k.contacts) filter (where k.stage = 'sending'), 0) as sending,
        coalesce(sum(k.contacts) filter (where k.stage = 'sent'), 0) as sent,
        coalesce(sum(k.contacts) filter (where k.stage = 'failed'), 0) as failed,
        coalesce(sum(k.contacts) filter (where k.stage = 'skipped'), 0) as skipped,
        coalesce(sum(k.contacts) filter (where k.stage = 'completed'), 0) as completed,
        coalesce(sum(k.contacts) filter (where k.stage <= 'sending'), 0) as in_flight,
        coalesce(sum(k.contacts), 0) as total
    from public.ai_automation_stage_counts as k
    where k.rule_id = r.id and k.slot >= (select public.monitor_since())
) as n on true
left join public.ai_automation_daily_usage as d on d.rule_id = r.id and d.day = timezone(r.time_zone, now())::date
left join lateral (
    select u.requested_at
    from public.ai_automation_runs as u
    where u.rule_id = r.id
    order by u.requested_at desc
    limit 1
) as l on true;

comment on view public.automation_live_stats is
'A row per automation: contacts per stage (in flight, and finished within 24 hours), which add up to total, and what went out on the rule''s local day. Reads counts, not contacts.';

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

create or replace view public.automation_history
with (security_invoker = on)
as
select
    a.id as attempt_id,
    a.user_id,
    a.rule_id,
    r.name as rule_name,
    a.page_id,
    a.contact_id,
    c.sender_name,
    a.state_id,
    a.run_id,
    a.follow_up,
    a.outcome,
    a.message,
    a.error_code,
    a.error_message,
    a.facebook_message_id,
    a.ai_model,
    a.tokens_in,
    a.tokens_out,
    a.generation_time_ms,
    a.started_at,
    a.finished_at,
    a.delivered_at,
    a.read_at
from public.ai_automation_attempts as a
inner join public.ai_automation_rules as r on r.id = a.rule_id
inner join public.contacts as c on c.id = a.contact_id;

comment on view public.automation_history is
'Every try to send, with names, for as long as its day is kept. Ask for a span of started_at: only its days are read.';
