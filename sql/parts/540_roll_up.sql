-- How the figures come about: set-based, each row of the books and of the tries exactly once, in calls of bounded work.
-- What is read lies before a moment at which every transaction has ended (20 s; the API ends its own after 8 s), and the
-- marks move in the transaction that adds, so that a call that dies has done nothing.

create or replace function public.roll_up_moves(p_from timestamptz, p_now timestamptz, p_limit integer)
returns timestamptz
language plpgsql
set search_path = ''
as $$
declare
    v_until timestamptz := date_trunc('minute', p_now - interval '20 seconds');
    v_settled timestamptz := date_trunc('hour', p_now, 'UTC') - interval '6 days';
    v_figures public.automation_figure[];
begin
    -- Minutes that were summed up already are read as hours, so whole hours are taken where there may be some.
    if p_from < v_settled then
        v_until := v_settled;
    end if;
    if p_from >= v_until then
        return p_from;
    end if;
    select case
        when x.minute is null then v_until
        when p_from < v_settled then greatest(date_trunc('hour', x.minute, 'UTC'), p_from + interval '1 hour')
        else greatest(x.minute, p_from + interval '1 minute')
    end into v_until
    from (values (1)) as one (one)
    left join lateral (
        select k.minute
        from public.ai_automation_rules as r
        cross join lateral (
            (
                select m.minute from public.ai_automation_stage_minutes as m
                where m.rule_id = r.id and m.minute >= p_from and m.minute < v_until
                order by m.minute
                limit p_limit + 1
            )
            union all
            (
                select h.starts_at from public.ai_automation_stage_periods as h
                where h.rule_id = r.id and h.span = 'hour' and h.starts_at >= p_from and h.starts_at < v_until
                order by h.starts_at
                limit p_limit + 1
            )
        ) as k
        order by k.minute
        offset p_limit
        limit 1
    ) as x on true;

    with flow as materialized (
        select r.user_id, r.id as rule_id, k.minute, k.stage, k.bucket, sum(k.entered) as entered, sum(k.passed) as passed
        from public.ai_automation_rules as r
        cross join lateral (
            select m.minute, m.stage, m.bucket, m.entered::bigint, m.passed::bigint
            from public.ai_automation_stage_minutes as m
            where m.rule_id = r.id and m.minute >= p_from and m.minute < v_until
            union all
            select h.starts_at, h.stage, h.bucket, h.entered, h.passed
            from public.ai_automation_stage_periods as h
            where h.rule_id = r.id and h.span = 'hour' and h.starts_at >= p_from and h.starts_at < v_until
        ) as k
        group by r.user_id, r.id, k.minute, k.stage, k.bucket
    )

    select array_agg((f.user_id, f.rule_id, f.minute, f.kind, f.key, f.number, f.amount)::public.automation_figure) into v_figures
    from (
        select w.user_id, w.rule_id, w.minute, 'entered' as kind, w.stage::text as key, 0 as number, sum(w.entered)::bigint as amount
        from flow as w
        group by w.user_id, w.rule_id, w.minute, w.stage
        union all
        select w.user_id, w.rule_id, w.minute, 'left', w.stage::text, 0, sum(w.passed)::bigint
        from flow as w
        group by w.user_id, w.rule_id, w.minute, w.stage
        union all
        select w.user_id, w.rule_id, w.minute, 'stayed', w.stage::text, w.bucket, w.passed::bigint
        from flow as w
        where w.stage <= 'sending' and w.passed > 0
        union all
        -- Failed without a try: the message could not be written.
        select s.user_id, s.rule_id, s.stage_entered_at, 'failed', coalesce(s.error_code, ''), 0, 1
        from public.ai_automation_rules as r
        cross join lateral (
            select t.user_id, t.rule_id, t.stage_entered_at, t.error_code
            from public.ai_automation_contact_states as t
            where
                t.rule_id = r.id and t.stage_rank = 0 and t.stage_entered_at >= p_from and t.stage_entered_at < v_until
                and (t.attempt_started_at is null or t.attempt_started_at < t.queued_at)
        ) as s
    ) as f
    where f.amount > 0;
    perform public.add_figures(v_figures);
    return v_until;
end;
$$;

comment on function public.roll_up_moves(timestamptz, timestamptz, integer) is
'Adds the minutes from p_from on, at most p_limit of their rows, and what failed before it was written; says until when.';

-- Its arguments had other names.
drop function if exists public.roll_up_tries(timestamptz, timestamptz, uuid, integer);

create or replace function public.roll_up_tries(p_from timestamptz, p_until timestamptz, p_open_after uuid, p_limit integer)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_until timestamptz := greatest(p_until, p_from);
    v_open uuid[];
    v_figures public.automation_figure[];
    v_states bigint[];
    v_oldest timestamptz;
    v_newest timestamptz;
begin
    select case when x.started_at is null then v_until else greatest(x.started_at, p_from + interval '1 microsecond') end into v_until
    from (values (1)) as one (one)
    left join lateral (
        select k.started_at
        from public.facebook_pages as p
        cross join lateral (
            select a.started_at from public.ai_automation_attempts as a
            where a.page_id = p.id and a.started_at >= p_from and a.started_at < v_until
            order by a.started_at
            limit p_limit + 1
        ) as k
        order by k.started_at
        offset p_limit
        limit 1
    ) as x on true;
    v_open := array(
        select o.attempt_id from public.ai_automation_open_tries as o
        where o.attempt_id > p_open_after
        order by o.attempt_id
        limit p_limit
    );

    -- One statement, so that the figures and the list of what is open are of one moment.
    with seen as materialized (
        select
            a.id, a.user_id, a.rule_id, a.state_id, a.run_id, a.follow_up, a.started_at, a.outcome, a.error_code,
            coalesce(a.ai_model, '') as model, a.tokens_in, a.tokens_out, a.cost_usd, a.generation_time_ms,
            false as was_counted, true as is_new
        from public.facebook_pages as p
        cross join lateral (
            select b.* from public.ai_automation_attempts as b
            where b.page_id = p.id and b.started_at >= p_from and b.started_at < v_until
        ) as a
        union all
        select
            a.id, a.user_id, a.rule_id, a.state_id, a.run_id, a.follow_up, a.started_at, a.outcome, a.error_code,
            coalesce(a.ai_model, ''), a.tokens_in, a.tokens_out, a.cost_usd, a.generation_time_ms, o.counted, false
        from public.ai_automation_open_tries as o
        inner join public.ai_automation_attempts as a on a.id = o.attempt_id and a.started_at = o.started_at
        where o.attempt_id = any(v_open)
    ),

    opened as (
        insert into public.ai_automation_open_tries (attempt_id, user_id, started_at, counted)
        select s.id, s.user_id, s.started_at, s.outcome <> 'sending'
        from seen as s
        where s.is_new and s.outcome in ('sending', 'unknown', 'abandoned')
    ),

    counted as (
        update public.ai_automation_open_tries as o
        set counted = true
        from seen as s
        where s.id = o.attempt_id and not s.is_new and not s.was_counted and s.outcome in ('unknown', 'abandoned')
    ),

    -- What was deleted stays as it was counted. What a person decided can be known for a while yet.
    closed as (
        delete from public.ai_automation_open_tries as o
        where
            o.attempt_id = any(v_open)
            and not exists (
                select from seen as s
                where
                    s.id = o.attempt_id and s.outcome in ('sending', 'unknown', 'abandoned')
                    and (s.outcome <> 'abandoned' or s.started_at > p_until - interval '3 days' or not s.was_counted)
            )
    ),

    written as materialized (
        select s.*
        from seen as s
        -- A message that is tried again was written once.
        where
            s.is_new and s.generation_time_ms is not null
            and not exists (
                select from public.ai_automation_attempts as b
                where
                    b.state_id = s.state_id and b.started_at > s.started_at - interval '2 days' and b.started_at < s.started_at
                    and b.follow_up = s.follow_up and b.run_id is not distinct from s.run_id and b.outcome = 'retry'
            )
    )

    select
        array_agg((f.user_id, f.rule_id, f.quarter, f.kind, f.key, f.number, f.amount)::public.automation_figure),
        array(select s.state_id from seen as s where s.outcome not in ('sending', 'unknown') order by s.state_id),
        (select min(s.started_at) from seen as s where s.outcome not in ('sending', 'unknown')),
        (select max(s.started_at) from seen as s where s.outcome not in ('sending', 'unknown'))
    into v_figures, v_states, v_oldest, v_newest
    from (
        select s.user_id, s.rule_id, date_bin('15 minutes', s.started_at, '2000-01-01 00:00:00+00') as quarter, m.kind, m.key, m.number, sum(m.amount)::bigint as amount
        from seen as s
        cross join lateral (
            values
            ('sent', '', s.follow_up, (s.outcome = 'sent')::integer),
            ('failed', coalesce(s.error_code, ''), s.follow_up, (s.outcome = 'failed')::integer),
            ('retried', coalesce(s.error_code, ''), 0, (s.outcome = 'retry')::integer),
            ('failed', 'outcome_unknown', s.follow_up, (s.outcome in ('unknown', 'abandoned'))::integer - s.was_counted::integer)
        ) as m (kind, key, number, amount)
        where m.amount <> 0
        group by 1, 2, 3, 4, 5, 6
        union all
        select w.user_id, w.rule_id, date_bin('15 minutes', w.started_at, '2000-01-01 00:00:00+00') as quarter, m.kind, w.model, m.number, sum(m.amount)::bigint
        from written as w
        cross join lateral (
            values
            ('messages', 0, 1::bigint),
            ('ai_time', least(greatest(ceil(ln(greatest(w.generation_time_ms / 1000.0, 0.01) / 0.01) / 0.1823215567939546), 0), 110)::integer, 1),
            ('tokens_in', 0, coalesce(w.tokens_in, 0)),
            ('tokens_out', 0, coalesce(w.tokens_out, 0)),
            ('cost', 0, round(coalesce(w.cost_usd, 0) * 1000000)::bigint),
            ('unpriced', 0, (w.cost_usd is null)::integer),
            ('unpriced_in', 0, case when w.cost_usd is null then coalesce(w.tokens_in, 0) else 0 end),
            ('unpriced_out', 0, case when w.cost_usd is null then coalesce(w.tokens_out, 0) else 0 end)
        ) as m (kind, number, amount)
        where m.amount <> 0
        group by 1, 2, 3, 4, 5, 6
    ) as f;
    perform public.add_figures(v_figures);
    return jsonb_build_object(
        'until', v_until,
        'open_after', case
            when cardinality(v_open) = p_limit then v_open[p_limit] else '00000000-0000-0000-0000-000000000000'
        end,
        'states', to_jsonb(v_states),
        'oldest', v_oldest,
        'newest', v_newest
    );
end;
$$;

comment on function public.roll_up_tries(timestamptz, timestamptz, uuid, integer) is
'Adds the tries from p_from on that began before p_until, and what became of open ones since; at most p_limit of each. Says until when, and which contacts to look at for replies.';
