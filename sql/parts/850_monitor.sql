-- The live monitor in one round trip: cards, list and side panels of one moment. In plpgsql, whose plans are kept: this
-- is asked every two seconds, and planning it would cost more than answering.

create or replace function public.worker_health()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
    select jsonb_build_object(
        'alive', count(*) filter (where w.stopped_at is null and w.beat_at > now() - interval '15 seconds'),
        'last_beat_at', max(w.beat_at),
        'sending_held', max(w.sending_held) filter (where w.stopped_at is null and w.beat_at > now() - interval '15 seconds')
    )
    from public.ai_automation_workers as w;
$$;

comment on function public.worker_health() is 'How many workers are alive (heard of within 15 s), when the last one was heard of, and why one sends nothing, if so; no names.';

create or replace function public.monitor_reasons(p_rule_id uuid, p_stages public.automation_stage[])
returns table (reason text, contacts bigint)
language plpgsql
stable
set search_path = ''
as $$
declare
    v_since timestamptz := public.monitor_since();
begin
    return query
    select c.reason, sum(c.contacts)
    from public.ai_automation_stage_counts as c
    where c.rule_id = p_rule_id and c.slot >= v_since and c.stage = any(p_stages)
    group by c.reason
    having sum(c.contacts) > 0;
end;
$$;

comment on function public.monitor_reasons(uuid, public.automation_stage[]) is
'How many contacts on the monitor are in these stages, by reason.';

create or replace function public.monitor_snapshot(
    p_rule_id uuid,
    p_stage text default null,
    p_search text default null,
    p_limit integer default 100,
    p_offset integer default 0
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        with listed as materialized (
            select public.monitor_contacts(p_rule_id, p_stage, p_search, p_limit, p_offset) as found
        )

        select jsonb_build_object(
            'now', now(),
            'rule', jsonb_build_object(
                'id', r.id, 'name', r.name, 'enabled', r.enabled, 'time_zone', r.time_zone, 'daily_limit', r.daily_limit,
                'max_follow_ups', r.max_follow_ups, 'run_24_7', r.run_24_7, 'active_from', r.active_from,
                'active_until', r.active_until, 'active_days', r.active_days, 'next_run_at', r.next_run_at,
                'page_name', g.name, 'page_status', g.status, 'page_reason', g.status_reason, 'paused_until', g.paused_until,
                'page_paused_at', g.paused_at, 'page_disconnected_at', g.disconnected_at, 'warning', g.warning, 'warned_at', g.warned_at,
                'ai_quota_until', public.ai_quota_until(r.id), 'sent_today', l.sent_today,
                'usage_percent', case when g.usage_at > now() - interval '1 hour' then round(g.usage_percent) end,
                'sends_per_minute', g.sends_per_minute
            ),
            'workers', public.worker_health(),
            'stages', (
                select jsonb_agg(jsonb_build_object(
                    'stage', s.stage, 'contacts', s.contacts, 'average_seconds', round(s.average_seconds::numeric, 1),
                    'oldest_seconds', round(s.oldest_seconds::numeric, 1),
                    'mean_seconds_last_hour', round(s.mean_seconds_last_hour::numeric, 2),
                    'in_per_minute', s.in_per_minute, 'out_per_minute', s.out_per_minute,
                    'p50_seconds', round(s.p50_seconds::numeric, 2), 'p95_seconds', round(s.p95_seconds::numeric, 2)
                ) order by s.position)
                from public.automation_stage_summary as s
                where s.rule_id = r.id
            ),
            'totals', jsonb_build_object('in_flight', l.in_flight, 'total', l.total, 'matching', x.found -> 'matching'),
            'contacts', x.found -> 'contacts',
            'to_review', case
                when r.review_before_send then (
                    select count(*)
                    from public.ai_automation_contact_states as s
                    where s.rule_id = r.id and s.stage_rank = 2 and s.approved_at is null
                )
                else 0
            end,
            'going_out_next', coalesce((
                select jsonb_agg(jsonb_build_object('name', n.sender_name, 'next_send_at', n.next_send_at) order by n.next_send_at)
                from (
                    -- A page that rests sends afterwards, what it then still may; one that is stopped promises nothing.
                    select c.sender_name, greatest(s.next_send_at, g.paused_until) as next_send_at
                    from public.ai_automation_contact_states as s
                    inner join public.contacts as c on c.id = s.contact_id
                    where
                        g.status = 'active' and g.paused_at is null and g.disconnected_at is null
                        and s.rule_id = r.id and s.stage_rank = 2 and s.next_send_at is not null
                        and (not r.review_before_send or s.approved_at is not null)
                        and c.last_inbound_at + interval '24 hours' > greatest(s.next_send_at, g.paused_until, now())
                    order by s.next_send_at
                    limit 5
                ) as n
            ), '[]'::jsonb),
            'held_back', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'reason_code', nullif(b.reason, ''), 'contacts', b.contacts,
                    'next_check_at', public.next_look(r.run_at, r.time_zone, k.next_check_at)
                ) order by b.contacts desc, b.reason)
                from public.monitor_reasons(r.id, '{skipped,completed}') as b
                left join lateral (
                    select s.next_check_at
                    from public.ai_automation_contact_states as s
                    where s.rule_id = r.id and s.end_reason = b.reason and s.next_check_at is not null
                    order by s.next_check_at
                    limit 1
                ) as k on true
            ), '[]'::jsonb),
            'failures', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'error_code', b.reason, 'contacts', b.contacts, 'message', k.error_message, 'hint', k.error_hint
                ) order by b.contacts desc, b.reason)
                from public.monitor_reasons(r.id, '{failed}') as b
                left join lateral (
                    select s.error_message, s.error_hint
                    from public.ai_automation_contact_states as s
                    where s.rule_id = r.id and s.stage_rank = 0 and s.end_reason = b.reason
                    order by s.stage_entered_at desc
                    limit 1
                ) as k on true
            ), '[]'::jsonb),
            'last_run', (
                select jsonb_build_object(
                    'id', u.id, 'source', u.source, 'requested_at', u.requested_at, 'finished_at', u.finished_at, 'total', u.total,
                    'in_flight', u.total - u.sent - u.skipped - u.failed, 'sent', u.sent, 'skipped', u.skipped, 'failed', u.failed
                )
                from public.ai_automation_runs as u
                where u.rule_id = r.id
                order by u.requested_at desc
                limit 1
            )
        )
        from public.ai_automation_rules as r
        inner join public.facebook_pages as g on g.id = r.page_id
        inner join public.automation_live_stats as l on l.rule_id = r.id
        cross join listed as x
        where r.id = p_rule_id
    );
end;
$$;

comment on function public.monitor_snapshot(uuid, text, text, integer, integer) is
'Everything the monitor of one automation shows, of one moment; null when the automation does not exist or is not the caller''s.';
