-- What happens at every change of stage, whoever makes it: the graph is checked, an event is written, the books are kept.

create or replace function public.is_in_flight(p_stage public.automation_stage)
returns boolean
language sql
immutable
set search_path = ''
as $$
    select p_stage <= 'sending'::public.automation_stage;
$$;

comment on function public.is_in_flight(public.automation_stage) is 'Whether a contact in this stage is still being worked on.';

create or replace function public.stamp_contact_state()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.updated_at := now();
    if new.current_stage is distinct from old.current_stage then
        new.stage_entered_at := now();
        if new.current_stage not in ('checking', 'generating', 'sending') then
            new.lease_owner := null;
            new.lease_token := null;
            new.lease_expires_at := null;
        end if;
    end if;
    return new;
end;
$$;

create or replace trigger stamp_contact_state
before update on public.ai_automation_contact_states
for each row execute function public.stamp_contact_state();

-- The books below are kept by one statement per set of moves. Rows are written in key order, so that two workers never
-- wait for each other in a circle.
create or replace function public.record_stage_moves()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
    v_illegal record;
begin
    select o.id, o.current_stage as from_stage, n.current_stage as to_stage
    into v_illegal
    from old_states as o
    inner join new_states as n on n.id = o.id and n.current_stage <> o.current_stage
    left join public.ai_automation_stage_moves as m on m.from_stage = o.current_stage and m.to_stage = n.current_stage
    where m.from_stage is null
    limit 1;
    if found then
        raise exception 'A contact cannot move from % to %.', v_illegal.from_stage, v_illegal.to_stage
        using errcode = 'check_violation', detail = format('contact state %s', v_illegal.id);
    end if;

    insert into public.ai_automation_stage_events (
        user_id, rule_id, contact_id, state_id, run_id, from_stage, to_stage, seconds_in_stage, actor, reason_code
    )
    select
        n.user_id, n.rule_id, n.contact_id, n.id, n.run_id, o.current_stage, n.current_stage,
        extract(epoch from n.stage_entered_at - o.stage_entered_at),
        coalesce(auth.uid()::text, n.lease_owner, o.lease_owner, 'system'), n.reason_code
    from new_states as n
    inner join old_states as o on o.id = n.id
    where n.current_stage <> o.current_stage
    order by n.id;
    return null;
end;
$$;

create or replace trigger record_stage_moves
after update on public.ai_automation_contact_states
referencing old table as old_states new table as new_states
for each statement execute function public.record_stage_moves();

create or replace function public.record_first_stage()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    insert into public.ai_automation_stage_events (user_id, rule_id, contact_id, state_id, run_id, to_stage, actor)
    select n.user_id, n.rule_id, n.contact_id, n.id, n.run_id, n.current_stage, coalesce(auth.uid()::text, 'system')
    from new_states as n
    order by n.id;

    insert into public.ai_automation_stage_minutes as m (user_id, rule_id, stage, minute, entered)
    select n.user_id, n.rule_id, n.current_stage, date_trunc('minute', now()), count(*)
    from new_states as n
    group by n.user_id, n.rule_id, n.current_stage
    order by n.rule_id, n.current_stage
    on conflict (rule_id, stage, minute) do update set entered = m.entered + excluded.entered;
    return null;
end;
$$;

create or replace trigger record_first_stage
after insert on public.ai_automation_contact_states
referencing new table as new_states
for each statement execute function public.record_first_stage();

create or replace function public.tally_stage_minutes()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    insert into public.ai_automation_stage_minutes as m (user_id, rule_id, stage, minute, entered, passed, passed_seconds)
    select c.user_id, c.rule_id, c.stage, date_trunc('minute', now()), sum(c.entered), sum(c.passed), sum(c.seconds)
    from new_states as n
    inner join old_states as o on o.id = n.id and o.current_stage <> n.current_stage
    cross join lateral (
        values
        (n.user_id, n.rule_id, n.current_stage, 1, 0, 0),
        (o.user_id, o.rule_id, o.current_stage, 0, 1, extract(epoch from n.stage_entered_at - o.stage_entered_at))
    ) as c (user_id, rule_id, stage, entered, passed, seconds)
    group by c.user_id, c.rule_id, c.stage
    order by c.rule_id, c.stage
    on conflict (rule_id, stage, minute) do update
        set
            entered = m.entered + excluded.entered,
            passed = m.passed + excluded.passed,
            passed_seconds = m.passed_seconds + excluded.passed_seconds;
    return null;
end;
$$;

create or replace trigger tally_stage_minutes
after update on public.ai_automation_contact_states
referencing old table as old_states new table as new_states
for each statement execute function public.tally_stage_minutes();

-- A run counts how its contacts left the flight. A contact queued by a later run no longer concerns the earlier one.
create or replace function public.tally_runs()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    with changed as (
        select
            n.run_id,
            sum((n.current_stage = 'sent')::int - (o.current_stage = 'sent')::int) as sent,
            sum((n.current_stage = 'skipped')::int - (o.current_stage = 'skipped')::int) as skipped,
            sum((n.current_stage = 'failed')::int - (o.current_stage = 'failed')::int) as failed
        from new_states as n
        inner join old_states as o on o.id = n.id and o.run_id = n.run_id
        where public.is_in_flight(n.current_stage) <> public.is_in_flight(o.current_stage)
        group by n.run_id
    ),

    held as (
        select r.id
        from public.ai_automation_runs as r
        inner join changed as c on c.run_id = r.id
        order by r.id
        for update of r
    )

    update public.ai_automation_runs as r
    set
        sent = r.sent + c.sent,
        skipped = r.skipped + c.skipped,
        failed = r.failed + c.failed,
        finished_at = case when r.sent + c.sent + r.skipped + c.skipped + r.failed + c.failed = r.total then now() end
    from held as h
    inner join changed as c on c.run_id = h.id
    where r.id = h.id;
    return null;
end;
$$;

create or replace trigger tally_runs
after update on public.ai_automation_contact_states
referencing old table as old_states new table as new_states
for each statement execute function public.tally_runs();

-- A place in the daily limit is taken when quota_day is set, and given back when it is cleared, unless the message went
-- out or may have: a failed contact that still holds its place is one whose outcome nobody knows.
create or replace function public.tally_daily_usage()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    insert into public.ai_automation_daily_usage as u (user_id, rule_id, day, reserved)
    select n.user_id, n.rule_id, n.quota_day, count(*)
    from new_states as n
    inner join old_states as o on o.id = n.id
    where n.quota_day is not null and o.quota_day is distinct from n.quota_day
    group by n.user_id, n.rule_id, n.quota_day
    order by n.rule_id, n.quota_day
    on conflict (rule_id, day) do update set reserved = u.reserved + excluded.reserved;

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
        order by u.rule_id, u.day
        for update of u
    )

    update public.ai_automation_daily_usage as u
    set reserved = u.reserved - g.places
    from held as h
    inner join given_back as g on g.rule_id = h.rule_id and g.quota_day = h.day
    where u.rule_id = h.rule_id and u.day = h.day;
    return null;
end;
$$;

create or replace trigger tally_daily_usage
after update on public.ai_automation_contact_states
referencing old table as old_states new table as new_states
for each statement execute function public.tally_daily_usage();

-- A person may delete a contact at any time. What it held goes with it: its place in the run and, unless a message is or
-- may be out, in the daily limit.
create or replace function public.forget_deleted_contacts()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.ai_automation_runs as r
    set
        total = r.total - g.contacts,
        finished_at = case when r.sent + r.skipped + r.failed = r.total - g.contacts then now() end
    from (
        select o.run_id, count(*) as contacts from old_states as o where public.is_in_flight(o.current_stage) group by o.run_id
    ) as g
    where r.id = g.run_id;

    update public.ai_automation_daily_usage as u
    set reserved = u.reserved - g.places
    from (
        select o.rule_id, o.quota_day, count(*) as places
        from old_states as o
        where o.quota_day is not null and o.current_stage < 'sending'
        group by o.rule_id, o.quota_day
    ) as g
    where u.rule_id = g.rule_id and u.day = g.quota_day;
    return null;
end;
$$;

create or replace trigger forget_deleted_contacts
after delete on public.ai_automation_contact_states
referencing old table as old_states
for each statement execute function public.forget_deleted_contacts();

comment on function public.stamp_contact_state() is 'Sets the entry time of a stage and drops the lease of a contact that no worker holds any more.';
comment on function public.record_stage_moves() is 'Refuses moves outside the stage graph and writes one event per move.';
comment on function public.record_first_stage() is 'Writes the first event of a contact in an automation.';
comment on function public.tally_stage_minutes() is 'Keeps ai_automation_stage_minutes.';
comment on function public.tally_runs() is 'Keeps the counts of ai_automation_runs, so that they add up at every moment.';
comment on function public.tally_daily_usage() is 'Keeps ai_automation_daily_usage.';
comment on function public.forget_deleted_contacts() is 'Keeps runs and daily usage right when contacts are deleted.';
