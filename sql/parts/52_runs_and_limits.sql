-- Runs and daily limits, kept at every change of stage.

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
        where (n.current_stage <= 'sending') <> (o.current_stage <= 'sending')
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

    insert into public.ai_automation_daily_usage as u (user_id, rule_id, day, sent)
    select n.user_id, n.rule_id, timezone(r.time_zone, now())::date as day, count(*)
    from new_states as n
    inner join old_states as o on o.id = n.id and o.current_stage = 'sending'
    inner join public.ai_automation_rules as r on r.id = n.rule_id
    where n.current_stage = 'sent'
    group by n.user_id, n.rule_id, timezone(r.time_zone, now())::date
    order by n.rule_id, day
    on conflict (rule_id, day) do update set sent = u.sent + excluded.sent;

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
        select o.run_id, count(*) as contacts from old_states as o where o.current_stage <= 'sending' group by o.run_id
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

comment on function public.tally_runs() is 'Keeps the counts of ai_automation_runs, so that they add up at every moment.';
comment on function public.tally_daily_usage() is 'Keeps ai_automation_daily_usage.';
comment on function public.forget_deleted_contacts() is 'Keeps runs and daily usage right when contacts are deleted.';
