-- The books that a set of moves changes: counts, minutes, runs and daily limits. One trigger, because each costs as much
-- for being called as for what it writes. Rows are written in key order, so that two workers never wait in a circle.

-- A run counts how its contacts left the flight; a contact queued by a later run no longer concerns the earlier one.
-- A place in the daily limit is taken when quota_day is set, and given back when it is cleared, unless the message went
-- out or may have: a failed contact that still holds its place is one whose outcome nobody knows.
-- A transition table has no statistics: without the setting 500 rows are compared with 500, one by one.
create or replace function public.keep_books()
returns trigger
language plpgsql
set search_path = ''
set enable_nestloop = off
as $$
declare
    v_places_taken boolean;
    v_places_given_back boolean;
    v_landed boolean;
    v_sent boolean;
begin
    -- A statement that changed nothing calls its triggers as well.
    if not exists (select from new_states) then
        return null;
    end if;
    -- Moves that are alike are put together first: a batch is one or two kinds of move.
    with alike as materialized (
        select
            n.user_id, n.rule_id, n.slot, n.current_stage as stage, n.end_reason as reason, n.stage_entered_at as entered_at,
            o.slot as old_slot, o.current_stage as old_stage, o.end_reason as old_reason, o.stage_entered_at as old_entered_at,
            count(*) as contacts,
            bool_or(n.quota_day is not null and o.quota_day is distinct from n.quota_day) as takes_places,
            bool_or(o.quota_day is not null and n.quota_day is distinct from o.quota_day) as gives_back_places
        from new_states as n
        inner join old_states as o on o.id = n.id
        group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
    ),

    kind as materialized (
        select
            a.*,
            (a.stage, a.entered_at, a.reason) is distinct from (a.old_stage, a.old_entered_at, a.old_reason) as moved,
            a.contacts * (date_part('epoch', a.entered_at) * 1000)::bigint as entered_ms,
            a.contacts * (date_part('epoch', a.old_entered_at) * 1000)::bigint as old_entered_ms,
            a.contacts * stay.seconds as seconds,
            least(greatest(ceil(ln(greatest(stay.seconds, 0.01) / 0.01) / 0.1823215567939546), 0), 110)::smallint as bucket
        from alike as a
        cross join lateral (values (date_part('epoch', a.entered_at - a.old_entered_at))) as stay (seconds)
    ),

    change as materialized (
        select c.user_id, c.rule_id, c.slot, c.stage, c.reason, c.contacts, c.entered_ms, c.bucket, c.entered, c.passed, c.seconds
        from kind as k
        cross join lateral (values (case when k.stage <> k.old_stage then k.contacts else 0 end)) as m (moves)
        cross join lateral (
            values
            (
                k.user_id, k.rule_id, k.slot, k.stage, k.reason, k.contacts, k.entered_ms,
                0::smallint, m.moves, 0, 0
            ),
            (
                k.user_id, k.rule_id, k.old_slot, k.old_stage, k.old_reason, -k.contacts, -k.old_entered_ms,
                k.bucket, 0, m.moves, k.seconds
            )
        ) as c (user_id, rule_id, slot, stage, reason, contacts, entered_ms, bucket, entered, passed, seconds)
        where k.moved
    ),

    -- In a query of its own, so that it is asked for once, and only when something moved. The first is mostly free.
    own as materialized (
        select case when pg_try_advisory_xact_lock(20261122, 0) then 0::smallint else public.own_shard() end as shard
    ),

    counted as (
        insert into public.ai_automation_stage_counts as k (
            user_id, rule_id, slot, stage, reason, shard, contacts, entered_ms
        )
        select c.user_id, c.rule_id, c.slot, c.stage, c.reason, (select o.shard from own as o), sum(c.contacts), sum(c.entered_ms)
        from change as c
        -- Who is in flight has the year 9999: then the border is not asked for.
        where c.slot >= timestamptz '9999-01-01 00:00:00+00' or c.slot >= (select public.monitor_since())
        group by c.user_id, c.rule_id, c.slot, c.stage, c.reason
        order by c.rule_id, c.slot, c.stage, c.reason
        on conflict (rule_id, slot, stage, reason, shard) do update
            set contacts = k.contacts + excluded.contacts, entered_ms = k.entered_ms + excluded.entered_ms
    ),

    paced as (
        insert into public.ai_automation_stage_minutes as m (
            user_id, rule_id, minute, stage, bucket, shard, entered, passed, passed_seconds
        )
        select
            c.user_id, c.rule_id, date_trunc('minute', now()), c.stage, c.bucket, (select o.shard from own as o),
            sum(c.entered), sum(c.passed), sum(c.seconds)
        from change as c
        where c.entered + c.passed > 0
        group by c.user_id, c.rule_id, c.stage, c.bucket
        order by c.rule_id, c.stage, c.bucket
        on conflict (rule_id, minute, stage, bucket, shard) do update
            set
                entered = m.entered + excluded.entered,
                passed = m.passed + excluded.passed,
                passed_seconds = m.passed_seconds + excluded.passed_seconds
    )

    select
        bool_or(k.takes_places), bool_or(k.gives_back_places),
        bool_or((k.stage <= 'sending') <> (k.old_stage <= 'sending') or (k.stage = 'sent' and k.old_stage in ('failed', 'skipped'))),
        bool_or(k.stage = 'sent' and k.old_stage <> 'sent')
    into v_places_taken, v_places_given_back, v_landed, v_sent
    from kind as k;

    -- Usage before runs, as claims and decisions lock them: who checks and who records must not wait in a circle.
    if v_places_taken then
        insert into public.ai_automation_daily_usage as u (user_id, rule_id, day, reserved)
        select n.user_id, n.rule_id, n.quota_day, count(*)
        from new_states as n
        inner join old_states as o on o.id = n.id
        where n.quota_day is not null and o.quota_day is distinct from n.quota_day
        group by n.user_id, n.rule_id, n.quota_day
        order by n.rule_id, n.quota_day
        on conflict (rule_id, day) do update set reserved = u.reserved + excluded.reserved;
    end if;

    if v_places_given_back then
        with given_back as (
            select o.rule_id, o.quota_day, count(*) as places
            from new_states as n
            inner join old_states as o on o.id = n.id
            where
                o.quota_day is not null and n.quota_day is distinct from o.quota_day
                and o.current_stage not in ('sent', 'failed')
            group by o.rule_id, o.quota_day
        ),

        held as (
            select u.rule_id, u.day
            from public.ai_automation_daily_usage as u
            inner join given_back as g on g.rule_id = u.rule_id and g.quota_day = u.day
            where u.rule_id = any(array(select k.rule_id from given_back as k))
            order by u.rule_id, u.day
            for update of u
        )

        update public.ai_automation_daily_usage as u
        set reserved = u.reserved - g.places
        from held as h
        inner join given_back as g on g.rule_id = h.rule_id and g.quota_day = h.day
        where u.rule_id = h.rule_id and u.day = h.day and u.rule_id = any(array(select k.rule_id from given_back as k));
    end if;

    if v_sent then
        insert into public.ai_automation_daily_usage as u (user_id, rule_id, day, sent)
        select n.user_id, n.rule_id, timezone(r.time_zone, now())::date as day, count(*)
        from new_states as n
        inner join old_states as o on o.id = n.id and o.current_stage <> 'sent'
        inner join public.ai_automation_rules as r on r.id = n.rule_id
        where n.current_stage = 'sent'
        group by n.user_id, n.rule_id, timezone(r.time_zone, now())::date
        order by n.rule_id, day
        on conflict (rule_id, day) do update set sent = u.sent + excluded.sent;
    end if;

    if v_landed then
        with changed as (
            select
                n.run_id,
                sum((n.current_stage = 'sent')::int - (o.current_stage = 'sent')::int) as sent,
                sum((n.current_stage = 'skipped')::int - (o.current_stage = 'skipped')::int) as skipped,
                sum((n.current_stage = 'failed')::int - (o.current_stage = 'failed')::int) as failed
            from new_states as n
            inner join old_states as o on o.id = n.id and o.run_id = n.run_id
            where (n.current_stage <= 'sending') <> (o.current_stage <= 'sending') or (n.current_stage = 'sent' and o.current_stage in ('failed', 'skipped'))
            group by n.run_id
        ),

        -- By an array, not by a join: a plan that may try no pairs would read every run there ever was.
        held as (
            select r.id
            from public.ai_automation_runs as r
            where r.id = any(array(select c.run_id from changed as c))
            order by r.id
            for update
        )

        update public.ai_automation_runs as r
        set
            sent = r.sent + c.sent,
            skipped = r.skipped + c.skipped,
            failed = r.failed + c.failed,
            finished_at = case when r.sent + c.sent + r.skipped + c.skipped + r.failed + c.failed = r.total then now() end
        from changed as c
        where r.id = c.run_id and r.id = any(array(select h.id from held as h));
    end if;
    return null;
end;
$$;

create or replace trigger keep_books
after update on public.ai_automation_contact_states
referencing old table as old_states new table as new_states
for each statement execute function public.keep_books();

-- A person may delete a contact at any time. What it held goes with it: its history, its place in the run and, unless a
-- message is or may be out, in the daily limit.
create or replace function public.forget_deleted_contacts()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_ids bigint[];
begin
    update public.ai_automation_daily_usage as u
    set reserved = u.reserved - g.places
    from (
        select o.rule_id, o.quota_day, count(*) as places
        from old_states as o
        where o.quota_day is not null and o.current_stage < 'sending'
        group by o.rule_id, o.quota_day
    ) as g
    where u.rule_id = g.rule_id and u.day = g.quota_day;

    update public.ai_automation_runs as r
    set
        total = r.total - g.contacts,
        finished_at = case when r.sent + r.skipped + r.failed = r.total - g.contacts then now() end
    from (
        select o.run_id, count(*) as contacts from old_states as o where o.current_stage <= 'sending' group by o.run_id
    ) as g
    where r.id = g.run_id;

    select array_agg(o.id) into v_ids from old_states as o;
    delete from public.ai_automation_stage_events as e where e.state_id = any(v_ids);
    delete from public.ai_automation_attempts as a where a.state_id = any(v_ids);
    delete from public.ai_automation_follow_ups as f where f.state_id = any(v_ids);
    return null;
end;
$$;

create or replace trigger forget_deleted_contacts
after delete on public.ai_automation_contact_states
referencing old table as old_states
for each statement execute function public.forget_deleted_contacts();

comment on function public.keep_books() is
'Keeps ai_automation_stage_counts, ai_automation_stage_minutes, ai_automation_runs and ai_automation_daily_usage when contacts move, so that they add up at every moment.';
comment on function public.forget_deleted_contacts() is 'Keeps runs and daily usage right when contacts are deleted, and removes their history.';
