-- When an automation runs by itself, and what keeps one moment of its schedule from starting two runs (docs/decisions/0033).

alter table public.ai_automation_rules add column if not exists run_at time[] not null default '{}';
alter table public.ai_automation_rules
drop constraint if exists ai_automation_rules_times_are_few,
add constraint ai_automation_rules_times_are_few check (
    cardinality(run_at) <= 24 and array_position(run_at, null) is null
);
alter table public.ai_automation_runs add column if not exists slot text;
create unique index if not exists ai_automation_runs_slot_idx on public.ai_automation_runs (rule_id, slot) where slot is not null;

comment on column public.ai_automation_rules.run_at is
'Times of day in time_zone at which the scheduler looks for due contacts, in place of run_every_minutes; empty leaves it to that.';
comment on column public.ai_automation_runs.slot is
'The moment of the schedule that started it: local date, time and zone for run_at, else UTC; empty for a run by hand. Once per automation.';
comment on index public.ai_automation_runs_slot_idx is
'Serves enqueue_contacts: two schedulers never start one slot twice, whatever locks do; a clock that goes back does not repeat a local time.';

-- An hour that spring leaves out is over at its first valid minute; of one that autumn repeats the first counts.
create or replace function public.first_moment(p_local timestamp, p_zone text)
returns timestamptz
language sql
stable
set search_path = ''
as $$
    select case
        when timezone(p_zone, l.moment) = p_local and timezone(p_zone, l.moment - interval '3 hours') = p_local - interval '3 hours'
            then l.moment
        else (
            select min(m.moment)
            from generate_series(l.moment - interval '3 hours', l.moment, interval '1 minute') as m (moment)
            where timezone(p_zone, m.moment) >= p_local
        )
    end
    from (select timezone(p_zone, p_local) as moment) as l;
$$;

comment on function public.first_moment(timestamp, text) is 'When a zone''s clock first shows this time, or one after it.';

create or replace function public.next_slot(p_run_at time[], p_zone text, p_after timestamptz)
returns timestamptz
language sql
stable
set search_path = ''
as $$
    select min(m.moment)
    from generate_series(-1, 2) as d (days)
    cross join unnest(p_run_at) as u (clock)
    cross join lateral (
        select public.first_moment(timezone(p_zone, p_after)::date + d.days + u.clock, p_zone) as moment
    ) as m
    where m.moment > p_after;
$$;

comment on function public.next_slot(time[], text, timestamptz) is
'The first moment after p_after at which one of these local times comes; null without times. Each comes once a local day, also when the clock is changed.';

create or replace function public.slot_of(p_run_at time[], p_zone text, p_moment timestamptz)
returns text
language sql
stable
set search_path = ''
as $$
    select coalesce(
        (select to_char(l.clock, 'YYYY-MM-DD HH24:MI:SS ') || p_zone where l.clock::time = any(p_run_at)),
        (
            select min(to_char(s.clock, 'YYYY-MM-DD HH24:MI:SS ') || p_zone)
            from generate_series(-1, 0) as d (days)
            cross join unnest(p_run_at) as u (time_of_day)
            cross join lateral (select l.clock::date + d.days + u.time_of_day as clock) as s
            where public.first_moment(s.clock, p_zone) = p_moment
        ),
        to_char(timezone('UTC', p_moment), 'YYYY-MM-DD HH24:MI:SS.US UTC')
    )
    from (select timezone(p_zone, p_moment) as clock) as l;
$$;

comment on function public.slot_of(time[], text, timestamptz) is
'The name of the slot that is due at this moment: local, so that a repeated hour has no second one, or the moment itself where it is none of these times.';

create or replace function public.next_run_of(p_rule public.ai_automation_rules, p_after timestamptz)
returns timestamptz
language sql
stable
set search_path = ''
as $$
    select coalesce(
        public.next_slot(p_rule.run_at, p_rule.time_zone, p_after),
        p_after + make_interval(mins => p_rule.run_every_minutes)
    );
$$;

comment on function public.next_run_of(public.ai_automation_rules, timestamptz) is 'When the scheduler looks at this automation next, after p_after.';

create or replace function public.next_look(p_run_at time[], p_zone text, p_check_at timestamptz)
returns timestamptz
language sql
stable
security definer
set search_path = ''
as $$
    select case
        when p_check_at is null or p_run_at = '{}' then p_check_at
        else public.next_slot(p_run_at, p_zone, greatest(p_check_at, now()) - interval '1 microsecond')
    end;
$$;

comment on function public.next_look(time[], text, timestamptz) is
'When a contact whose next check is due at p_check_at is looked at: then, or, where the automation runs at times of day only, at the first of them from then on.';

-- Whoever changes the schedule of an automation that is on means the next run, not the one after it.
create or replace function public.follow_schedule()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if
        new.enabled and new.next_run_at is not distinct from old.next_run_at
        and (new.run_at, new.run_every_minutes, new.time_zone) is distinct from (old.run_at, old.run_every_minutes, old.time_zone)
    then
        new.next_run_at := case
            when new.run_at = '{}' and old.run_at = '{}' then least(old.next_run_at, public.next_run_of(new, now()))
            else public.next_run_of(new, now())
        end;
    end if;
    return new;
end;
$$;

comment on function public.follow_schedule() is 'Moves next_run_at when the schedule of an automation is changed.';

create or replace trigger follow_schedule
before update of run_at, run_every_minutes, time_zone on public.ai_automation_rules
for each row execute function public.follow_schedule();

revoke execute on function
public.first_moment(timestamp, text), public.next_slot(time[], text, timestamptz), public.slot_of(time[], text, timestamptz),
public.next_run_of(public.ai_automation_rules, timestamptz), public.next_look(time[], text, timestamptz), public.follow_schedule()
from public, anon, authenticated, service_role;
grant execute on function
public.first_moment(timestamp, text), public.next_slot(time[], text, timestamptz), public.slot_of(time[], text, timestamptz),
public.next_run_of(public.ai_automation_rules, timestamptz)
to service_role;
-- Who looks at a contact is told when it is looked at next.
grant execute on function public.next_look(time[], text, timestamptz) to authenticated, service_role;
