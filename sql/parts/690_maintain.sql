-- What keeps a database that runs for years as quick as on its first day.

create or replace function public.remove_old_texts(p_text_hours integer, p_limit integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_states integer;
    v_attempts integer;
begin
    update public.ai_automation_contact_states as s
    set generated_message = null, error_message = null
    from (
        select t.id
        from public.ai_automation_contact_states as t
        where
            (t.generated_message is not null or t.error_message is not null) and t.current_stage >= 'sent'
            and t.stage_entered_at < now() - make_interval(hours => p_text_hours)
        order by t.stage_entered_at
        limit p_limit
        for no key update skip locked
    ) as old
    where s.id = old.id;
    get diagnostics v_states = row_count;

    update public.ai_automation_attempts as a
    set message = null, error_message = null
    from (
        select b.id, b.started_at
        from public.ai_automation_attempts as b
        where b.message is not null and b.started_at < now() - make_interval(hours => p_text_hours) and b.outcome <> 'sending'
        order by b.started_at
        limit p_limit
    ) as old
    where a.id = old.id and a.started_at = old.started_at;
    get diagnostics v_attempts = row_count;
    return v_states + v_attempts;
end;
$$;

comment on function public.remove_old_texts(integer, integer) is
'Removes generated messages and error texts p_text_hours after a contact ended, at most p_limit of each kind; codes, times and counts stay.';

-- Sums up minutes that are a week old into hours, and hours of three months ago into days; what is summed up is removed.
create or replace function public.sum_up_minutes(p_limit integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_minutes integer;
begin
    with old as (
        select m.rule_id, m.minute, m.stage, m.bucket, m.shard
        from public.ai_automation_rules as r
        cross join lateral (
            select k.rule_id, k.minute, k.stage, k.bucket, k.shard
            from public.ai_automation_stage_minutes as k
            where
                k.rule_id = r.id and k.minute < date_trunc('hour', now()) - interval '7 days'
                -- What roll_up has begun to read stays as it is until it has.
                and k.minute < coalesce((select h.moves_until from public.ai_automation_roll_up_marks as h), 'infinity')
            limit p_limit
        ) as m
        limit p_limit
    ),

    gone as (
        delete from public.ai_automation_stage_minutes as m
        using old as o
        where
            m.rule_id = o.rule_id and m.minute = o.minute and m.stage = o.stage
            and m.bucket = o.bucket and m.shard = o.shard
        returning m.user_id, m.rule_id, m.stage, m.minute, m.bucket, m.entered, m.passed, m.passed_seconds
    ),

    summed as (
        insert into public.ai_automation_stage_periods as p (
            user_id, rule_id, stage, span, starts_at, bucket, entered, passed, passed_seconds
        )
        select
            g.user_id, g.rule_id, g.stage, 'hour', date_trunc('hour', g.minute, 'UTC'), g.bucket,
            sum(g.entered), sum(g.passed), sum(g.passed_seconds)
        from gone as g
        group by g.user_id, g.rule_id, g.stage, date_trunc('hour', g.minute, 'UTC'), g.bucket
        on conflict (rule_id, span, starts_at, stage, bucket) do update
            set
                entered = p.entered + excluded.entered,
                passed = p.passed + excluded.passed,
                passed_seconds = p.passed_seconds + excluded.passed_seconds
    )

    select count(*) into v_minutes from gone;

    with gone as (
        delete from public.ai_automation_stage_periods as h
        using public.ai_automation_rules as r
        where h.rule_id = r.id and h.span = 'hour' and h.starts_at < date_trunc('day', now(), 'UTC') - interval '90 days'
        returning h.user_id, h.rule_id, h.stage, h.starts_at, h.bucket, h.entered, h.passed, h.passed_seconds
    )

    insert into public.ai_automation_stage_periods as p (
        user_id, rule_id, stage, span, starts_at, bucket, entered, passed, passed_seconds
    )
    select
        g.user_id, g.rule_id, g.stage, 'day', date_trunc('day', g.starts_at, 'UTC'), g.bucket,
        sum(g.entered), sum(g.passed), sum(g.passed_seconds)
    from gone as g
    group by g.user_id, g.rule_id, g.stage, date_trunc('day', g.starts_at, 'UTC'), g.bucket
    on conflict (rule_id, span, starts_at, stage, bucket) do update
        set
            entered = p.entered + excluded.entered,
            passed = p.passed + excluded.passed,
            passed_seconds = p.passed_seconds + excluded.passed_seconds;
    return v_minutes;
end;
$$;

comment on function public.sum_up_minutes(integer) is
'Rolls minutes older than 7 days into hours and hours older than 90 days into days, at most p_limit minutes; sums stay the same. Returns the minutes rolled.';

create or replace function public.drop_history_days(p_before date)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_name text;
    v_dropped integer := 0;
begin
    for v_name in
        select c.relname
        from pg_catalog.pg_inherits as i
        inner join pg_catalog.pg_class as c on c.oid = i.inhrelid
        where
            i.inhparent in ('public.ai_automation_stage_events'::regclass, 'public.ai_automation_attempts'::regclass)
            and c.relname ~ '_\d{8}$' and right(c.relname, 8) < to_char(p_before, 'YYYYMMDD')
        order by c.relname
    loop
        execute format('drop table automation_history.%I', v_name);
        v_dropped := v_dropped + 1;
    end loop;
    delete from public.ai_automation_stage_events as e where e.occurred_at < p_before::timestamp at time zone 'UTC';
    delete from public.ai_automation_attempts as a where a.started_at < p_before::timestamp at time zone 'UTC';
    return v_dropped;
end;
$$;

comment on function public.drop_history_days(date) is
'Drops the days of events and attempts before p_before (UTC), and older rows of the default partitions; returns how many days.';

create or replace function public.keep_figures_small(p_limit integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_today date := (now() at time zone 'UTC')::date;
    v_coarse_until date;
    v_rows integer;
begin
    delete from public.ai_automation_figures as f
    where (f.user_id, f.scope_id, f.kind, f.day, f.key, f.number) in (
        select o.user_id, o.scope_id, o.kind, o.day, o.key, o.number
        from public.ai_automation_figures as o
        where o.day < v_today - 190
        order by o.day
        limit p_limit
    );

    with fine as materialized (
        select f.user_id, f.scope_id, f.kind, f.day, f.key, f.number
        from public.ai_automation_figures as f
        where
            f.day >= (select m.coarse_until from public.ai_automation_roll_up_marks as m) and f.day < v_today - 8
            and f.kind in ('stayed', 'ai_time') and cardinality(f.upto) = 96
        order by f.day
        limit p_limit
    ),

    made_coarse as (
        update public.ai_automation_figures as f
        set upto = array(select f.upto[4 * h.hour] from generate_series(1, 24) as h (hour) order by h.hour)
        from fine as o
        where
            f.user_id = o.user_id and f.scope_id = o.scope_id and f.kind = o.kind and f.day = o.day and f.key = o.key
            and f.number = o.number
    )

    select case when count(*) = p_limit then max(n.day) else v_today - 8 end, count(*) into v_coarse_until, v_rows
    from fine as n;
    update public.ai_automation_roll_up_marks as m set coarse_until = v_coarse_until where m.coarse_until < v_coarse_until;
    return v_rows;
end;
$$;

comment on function public.keep_figures_small(integer) is
'Removes figures after 190 days, and keeps durations of days before the last 8 by the hour; at most p_limit rows. Returns how many became coarser.';

create or replace function public.maintain(
    p_text_hours integer default 24, p_history_days integer default 30, p_message_days integer default 90
)
returns jsonb
language plpgsql
security definer
set search_path = ''
-- A lock that has to wait is left for the next minute: nobody else waits behind it for long.
set lock_timeout = '2s'
as $$
declare
    v_today date := (now() at time zone 'UTC')::date;
    v_made integer;
    v_dropped integer;
    v_texts integer;
    v_minutes integer;
    v_messages integer;
begin
    if least(p_text_hours, p_history_days, p_message_days) < 1 then
        raise exception 'Texts, history and messages are kept for at least an hour or a day.' using errcode = '22023';
    end if;
    if not pg_try_advisory_xact_lock(20261122, 100) then
        return jsonb_build_object('busy', true);
    end if;
    v_texts := public.remove_old_texts(p_text_hours, 5000);
    v_minutes := public.sum_up_minutes(20000);
    delete from public.contact_messages as m
    where m.id in (
        select o.id from public.contact_messages as o
        where o.said_at < now() - make_interval(days => p_message_days)
        order by o.said_at
        limit 5000
    );
    get diagnostics v_messages = row_count;
    delete from public.ai_automation_stage_counts as k
    using public.ai_automation_rules as r
    where k.rule_id = r.id and k.slot < public.monitor_since() - interval '1 hour';
    delete from public.ai_automation_workers as w where w.beat_at < now() - interval '7 days';
    perform public.remove_deleted_rules();
    perform public.forget_previews();
    perform public.forget_bulks();
    perform public.keep_figures_small(20000);
    begin
        v_made := public.make_history_days(v_today, v_today + 3);
        v_dropped := public.drop_history_days(v_today - p_history_days);
    exception
        when lock_not_available or deadlock_detected then null;
    end;
    return jsonb_build_object(
        'days_made', v_made, 'days_dropped', v_dropped, 'texts_removed', v_texts, 'minutes_summed_up', v_minutes,
        'messages_removed', v_messages
    );
end;
$$;

comment on function public.maintain(integer, integer, integer) is
'Once a minute, by any worker: makes days of history ahead and drops old ones, removes texts p_text_hours after a contact ended, messages after p_message_days and what was deleted, sums up old minutes. Where another call is at it, it answers busy. What is in flight is never touched.';
