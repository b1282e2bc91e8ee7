-- What /analytics is told: figures cut at the moments it names, which are midnights and hours of its reader's time zone.

create or replace function public.figures_between(p_rule_ids uuid[], p_kinds text[], p_edges timestamptz[])
returns table (kind text, key text, number integer, bin integer, amount bigint)
language sql
stable
set search_path = ''
as $$
    -- A bin is made of parts of UTC days.
    with piece as materialized (
        select
            b.bin, (d.day at time zone 'UTC')::date as day,
            extract(epoch from greatest(p_edges[b.bin], d.day) - d.day)::integer as from_second,
            extract(epoch from least(p_edges[b.bin + 1], d.day + interval '24 hours') - d.day)::integer as until_second
        from generate_series(1, cardinality(p_edges) - 1) as b (bin)
        cross join lateral generate_series(
            date_trunc('day', p_edges[b.bin], 'UTC'), p_edges[b.bin + 1] - interval '1 microsecond', interval '24 hours'
        ) as d (day)
    ),

    -- Scope by scope and kind by kind, each a stretch of the key.
    found as materialized (
        select f.kind, f.key, f.number, f.day, f.upto, cardinality(f.upto) as parts
        from unnest(coalesce(p_rule_ids, array[(select auth.uid())])) as s (scope_id)
        cross join unnest(p_kinds) as k (kind)
        cross join lateral (
            select o.kind, o.key, o.number, o.day, o.upto
            from public.ai_automation_figures as o
            where
                o.user_id = (select auth.uid()) and o.scope_id = s.scope_id and o.kind = k.kind
                and o.day >= (p_edges[1] at time zone 'UTC')::date
                and o.day <= (p_edges[cardinality(p_edges)] at time zone 'UTC')::date
            -- Keeps the stretch together: a planner that does not know how few there are would go through all days.
            offset 0
        ) as f
    )

    select
        f.kind, f.key, f.number, p.bin,
        sum(
            coalesce(f.upto[p.until_second * f.parts / 86400], 0) - coalesce(f.upto[p.from_second * f.parts / 86400], 0)
        )::bigint
    from found as f
    inner join piece as p on p.day = f.day
    group by f.kind, f.key, f.number, p.bin;
$$;

comment on function public.figures_between(uuid[], text[], timestamptz[]) is
'The caller''s figures between each two neighbours of p_edges (bin 1 is the first), of some automations or, for null, of all. Edges count to the quarter of an hour; of durations older than 8 days, to the hour.';

create or replace function public.analytics_flow(p_rule_ids uuid[], p_edges timestamptz[])
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_rows jsonb;
begin
    if cardinality(p_edges) not between 2 and 1000 then
        raise exception 'That span has no bins, or too many.' using errcode = '22023';
    end if;
    select jsonb_agg(jsonb_build_object('kind', g.kind, 'key', g.key, 'number', g.number, 'bins', g.bins) order by g.kind, g.key, g.number)
    into v_rows
    from (
        select f.kind, f.key, f.number, jsonb_object_agg(f.bin, f.amount) as bins
        from public.figures_between(
            p_rule_ids,
            array[
                'entered', 'left', 'sent', 'failed', 'retried', 'replied', 'messages', 'tokens_in', 'tokens_out', 'cost', 'unpriced',
                'unpriced_in', 'unpriced_out'
            ],
            p_edges
        ) as f
        where f.amount <> 0
        group by f.kind, f.key, f.number
    ) as g;
    return coalesce(v_rows, '[]'::jsonb);
end;
$$;

comment on function public.analytics_flow(uuid[], timestamptz[]) is
'What happened in each bin: [{kind, key, number, bins: {bin: amount}}], without zeros.';

create or replace function public.analytics_paces(p_rule_ids uuid[], p_edges timestamptz[])
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_rows jsonb;
begin
    if cardinality(p_edges) not between 2 and 1000 then
        raise exception 'That span has no bins, or too many.' using errcode = '22023';
    end if;
    with summed as (
        -- Bin 0 is all of them together.
        select f.kind, f.key, coalesce(f.bin, 0) as bin, f.number, sum(f.amount) as passed
        from public.figures_between(p_rule_ids, array['stayed', 'ai_time'], p_edges) as f
        where f.amount > 0
        group by grouping sets ((f.kind, f.key, f.number), (f.kind, f.key, f.number, f.bin))
    ),

    ranked as (
        select
            s.*,
            sum(s.passed) over (partition by s.kind, s.key, s.bin order by s.number) as passed_upto,
            sum(s.passed) over (partition by s.kind, s.key, s.bin) as passed_total
        from summed as s
    ),

    paced as (
        select
            r.kind, r.key, r.bin, max(r.passed_total) as passed,
            public.bucket_seconds(min(r.number) filter (where r.passed_upto >= 0.5 * r.passed_total)::smallint) as p50,
            public.bucket_seconds(min(r.number) filter (where r.passed_upto >= 0.95 * r.passed_total)::smallint) as p95
        from ranked as r
        group by r.kind, r.key, r.bin
    )

    select jsonb_agg(jsonb_build_object(
        'kind', p.kind, 'key', p.key, 'bin', p.bin, 'passed', p.passed, 'p50', round(p.p50::numeric, 3), 'p95', round(p.p95::numeric, 3)
    ) order by p.kind, p.key, p.bin)
    into v_rows
    from paced as p;
    return coalesce(v_rows, '[]'::jsonb);
end;
$$;

comment on function public.analytics_paces(uuid[], timestamptz[]) is
'How long contacts stayed in each stage, and the AI took with each model: [{kind, key, bin, passed, p50, p95}] in seconds, within 10 %; bin 0 is the whole span.';

create or replace function public.analytics_by_automation(p_rule_ids uuid[], p_from timestamptz, p_until timestamptz)
returns jsonb
language sql
stable
set search_path = ''
as $$
    -- Whole UTC days are summed up already; what is left at both ends is cut.
    with span as materialized (
        select
            least((date_trunc('day', p_from + interval '24 hours' - interval '1 microsecond', 'UTC') at time zone 'UTC')::date, u.until_day) as from_day,
            u.until_day
        from (values ((date_trunc('day', p_until, 'UTC') at time zone 'UTC')::date)) as u (until_day)
    ),

    edge (starts_at, ends_at) as materialized (
        select p_from, least(s.from_day::timestamp at time zone 'UTC', p_until) from span as s
        union all
        select greatest(s.until_day::timestamp at time zone 'UTC', p_from), p_until from span as s
    ),

    part as (
        select d.rule_id, d.kind, d.key, d.total
        from span as s
        inner join public.ai_automation_days as d on d.user_id = (select auth.uid()) and d.day >= s.from_day and d.day < s.until_day
        where p_rule_ids is null or d.rule_id = any(p_rule_ids)
        union all
        select
            r.id, f.kind, f.key,
            coalesce(f.upto[extract(epoch from e.ends_at - f.midnight)::integer * cardinality(f.upto) / 86400], 0)
            - coalesce(f.upto[extract(epoch from e.starts_at - f.midnight)::integer * cardinality(f.upto) / 86400], 0)
        from edge as e
        cross join public.ai_automation_rules as r
        cross join unnest(array['messages', 'tokens_in', 'tokens_out', 'cost', 'unpriced', 'unpriced_in', 'unpriced_out']) as k (kind)
        cross join lateral (
            select o.kind, o.key, o.upto, t.midnight
            from (values (date_trunc('day', e.starts_at, 'UTC'))) as t (midnight)
            inner join public.ai_automation_figures as o
                on
                    o.user_id = (select auth.uid()) and o.scope_id = r.id and o.kind = k.kind
                    and o.day = (t.midnight at time zone 'UTC')::date
            offset 0
        ) as f
        where e.starts_at < e.ends_at and r.user_id = (select auth.uid()) and (p_rule_ids is null or r.id = any(p_rule_ids))
    )

    select coalesce(jsonb_agg(jsonb_build_object('rule_id', g.rule_id, 'kind', g.kind, 'key', g.key, 'total', g.total)), '[]'::jsonb)
    from (
        select p.rule_id, p.kind, p.key, sum(p.total) as total
        from part as p
        group by p.rule_id, p.kind, p.key
        having sum(p.total) <> 0
    ) as g;
$$;

comment on function public.analytics_by_automation(uuid[], timestamptz, timestamptz) is
'What the AI used in a span, per automation and model: [{rule_id, kind, key, total}], without zeros.';

create or replace function public.analytics_until()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
    select jsonb_build_object(
        'until', (select least(m.moves_until, m.tries_until) from public.ai_automation_roll_up_marks as m), 'now', now()
    );
$$;

comment on function public.analytics_until() is
'Up to when everything is among the figures, null while nothing was ever counted; and now.';
