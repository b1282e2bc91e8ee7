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
        'last_beat_at', max(w.beat_at)
    )
    from public.ai_automation_workers as w;
$$;

comment on function public.worker_health() is 'How many workers are alive (heard of within 15 s), and when the last one was heard of; no names.';

-- A search is words and, if it says cause:code, one cause; cause:none is the empty one.
create or replace function public.search_cause(p_search text)
returns text
language sql
immutable
set search_path = ''
as $$
    select case c.code when 'none' then '' else c.code end
    from (select lower(substring(p_search from '(?i)(?:^|\s)cause:([a-z0-9_]+)')) as code) as c;
$$;

comment on function public.search_cause(text) is
'The reason_code or error_code that a search of the monitor asks for by cause:code; null when it asks for none.';

create or replace function public.search_pattern(p_search text)
returns text
language sql
immutable
set search_path = ''
as $$
    select '%' || regexp_replace(nullif(btrim(w.words), ''), '([\\%_])', '\\\1', 'g') || '%'
    from (select regexp_replace(p_search, '(^|\s)cause:[a-z0-9_]+', '', 'gi') as words) as w;
$$;

comment on function public.search_pattern(text) is 'What the words of a search look like for ilike; null when there are none.';

create or replace function public.monitor_contacts(
    p_rule_id uuid, p_stage text, p_search text, p_limit integer, p_offset integer
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_since timestamptz := public.monitor_since();
begin
    return (
        with asked as materialized (
            select public.search_cause(p_search) as cause, public.search_pattern(p_search) as pattern
        ),

        since as (
            select g.stage_rank, case when g.stage_rank between 1 and 6 then '-infinity' else v_since end as moment
            from (
                values
                ('failed', 0::smallint), ('sending', 1), ('ready_to_send', 2), ('generating', 3), ('eligible', 4), ('checking', 5),
                ('queued', 6), ('sent', 7), ('skipped', 8), ('completed', 9)
            ) as g (stage, stage_rank)
            where p_stage is null or g.stage = p_stage
        ),

        -- Stage by stage and each from its newest, so that a page is read in the order of an index.
        unsearched as (
            select k.id, k.stage_rank, k.stage_entered_at
            from asked as q
            cross join since as n
            cross join lateral (
                select s.id, s.stage_rank, s.stage_entered_at
                from public.ai_automation_contact_states as s
                where
                    s.rule_id = p_rule_id and s.stage_rank = n.stage_rank and s.stage_entered_at >= n.moment
                    and (q.cause is null or s.end_reason = q.cause)
                order by s.stage_entered_at desc, s.id
                limit least(greatest(p_limit, 1), 100) + greatest(p_offset, 0)
            ) as k
            where q.pattern is null
        ),

        searched as materialized (
            select a.state_id as id, s.stage_rank, s.stage_entered_at
            from asked as q
            inner join public.active_automation_contacts as a on q.pattern is not null
            inner join public.ai_automation_contact_states as s on s.id = a.state_id
            where
                a.rule_id = p_rule_id
                and (p_stage is null or a.current_stage = p_stage::public.automation_stage)
                and (q.cause is null or s.end_reason = q.cause)
                and concat_ws(' ', a.sender_name, a.generated_message, a.error_message, a.status_message) ilike q.pattern
        ),

        page as (
            select l.id, l.stage_rank, l.stage_entered_at
            from (
                select u.id, u.stage_rank, u.stage_entered_at from unsearched as u
                union all
                select f.id, f.stage_rank, f.stage_entered_at from searched as f
            ) as l
            order by l.stage_rank, l.stage_entered_at desc, l.id
            limit least(greatest(p_limit, 1), 100) offset greatest(p_offset, 0)
        )

        select jsonb_build_object(
            'matching', case
                when (select q.pattern from asked as q) is not null then (select count(*) from searched)
                else (
                    select coalesce(sum(c.contacts), 0)
                    from asked as q
                    cross join public.ai_automation_stage_counts as c
                    where
                        c.rule_id = p_rule_id and c.slot >= v_since
                        and (p_stage is null or c.stage = p_stage::public.automation_stage)
                        and (q.cause is null or c.reason = q.cause)
                )
            end,
            'contacts', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'state_id', p.state_id, 'contact_id', p.contact_id, 'name', p.sender_name, 'stage', p.current_stage,
                    'stage_entered_at', p.stage_entered_at, 'status', p.status_message, 'reason_code', p.reason_code,
                    'error_code', p.error_code, 'error_message', p.error_message, 'error_hint', p.error_hint,
                    'message', p.generated_message, 'next_send_at', p.next_send_at, 'next_check_at', p.next_check_at,
                    'generation_time_ms', p.generation_time_ms, 'tokens', p.tokens, 'follow_up_count', p.follow_up_count,
                    'max_follow_ups', p.max_follow_ups, 'attempt', p.attempt, 'lost', p.lost,
                    'review', p.current_stage = 'ready_to_send' and r.review_before_send and s.approved_at is null,
                    'window_closes_at', case
                        when p.current_stage = 'ready_to_send' and r.review_before_send and s.approved_at is null
                            then (select c.last_inbound_at + interval '24 hours' from public.contacts as c where c.id = s.contact_id)
                    end
                ) order by l.stage_rank, l.stage_entered_at desc, l.id)
                from page as l
                inner join public.active_automation_contacts as p on p.state_id = l.id
                inner join public.ai_automation_contact_states as s on s.id = l.id
                inner join public.ai_automation_rules as r on r.id = p_rule_id
            ), '[]'::jsonb)
        )
    );
end;
$$;

comment on function public.monitor_contacts(uuid, text, text, integer, integer) is
'One page of the monitor''s list, failed first, then what is closest to being sent; matching is the true number behind it. p_search may name a cause: search_cause.';

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
                'page_name', g.name, 'page_status', g.status, 'paused_until', g.paused_until, 'sent_today', l.sent_today,
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
                    select c.sender_name, s.next_send_at
                    from public.ai_automation_contact_states as s
                    inner join public.contacts as c on c.id = s.contact_id
                    where
                        s.rule_id = r.id and s.stage_rank = 2 and s.next_send_at is not null
                        and (not r.review_before_send or s.approved_at is not null)
                    order by s.next_send_at
                    limit 5
                ) as n
            ), '[]'::jsonb),
            'held_back', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'reason_code', nullif(b.reason, ''), 'contacts', b.contacts, 'next_check_at', k.next_check_at
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
