-- What /analytics reads: figures of every quarter of an hour, rolled up from the books and the tries by the worker's turn
-- roll_up (54). Nothing here is written when a contact moves (docs/decisions/0032).

create table if not exists public.ai_automation_figures (
    user_id uuid not null references auth.users (id) on delete cascade,
    scope_id uuid not null,
    kind text not null,
    day date not null,
    key text not null,
    number integer not null,
    upto bigint[] not null,
    constraint ai_automation_figures_pkey primary key (user_id, scope_id, kind, day, key, number),
    constraint ai_automation_figures_kind_is_known check (
        kind in (
            'entered', 'left', 'stayed', 'sent', 'failed', 'retried', 'replied', 'messages', 'ai_time',
            'tokens_in', 'tokens_out', 'cost', 'unpriced', 'unpriced_in', 'unpriced_out'
        )
    ),
    constraint ai_automation_figures_spans_are_equal check (cardinality(upto) in (24, 96))
)
with (fillfactor = 70);

create index if not exists ai_automation_figures_age_idx on public.ai_automation_figures (day);

comment on table public.ai_automation_figures is
'How often something happened, per automation and UTC day, as running sums over the day, so that a day of any time zone is the difference of two elements. Kept for 190 days.';
comment on column public.ai_automation_figures.user_id is 'The owner of the automation.';
comment on column public.ai_automation_figures.scope_id is
'The automation; or the owner, for all of hers together, those included that were deleted since.';
comment on column public.ai_automation_figures.kind is
'What is counted: contacts that entered or left a stage, or stayed so long; tries that were sent, failed, were retried or replied to, at the moment of the try; messages written, their ai_time, tokens and cost (millionths of a dollar), and those of them without a price.';
comment on column public.ai_automation_figures.day is 'The day (UTC).';
comment on column public.ai_automation_figures.key is 'The stage, the error code or the model.';
comment on column public.ai_automation_figures.number is
'Of stayed and ai_time the duration bucket, as in ai_automation_stage_minutes; of sent, replied and failed the follow-up, where failed 0 is a message that could not be written; else 0.';
comment on column public.ai_automation_figures.upto is
'Element i: how many from midnight UTC to the end of the i-th part of the day. Quarters of an hour; of durations older than 8 days, hours.';
comment on index public.ai_automation_figures_age_idx is 'Serves maintain: days that are old enough to be made coarser or removed.';

create table if not exists public.ai_automation_days (
    user_id uuid not null references auth.users (id) on delete cascade,
    rule_id uuid not null,
    day date not null,
    kind text not null,
    key text not null,
    total bigint not null,
    constraint ai_automation_days_pkey primary key (user_id, day, rule_id, kind, key)
);

comment on table public.ai_automation_days is
'What the AI used on whole UTC days, which is listed per automation; kept for as long as the automation.';
comment on column public.ai_automation_days.user_id is 'The owner of the automation.';
comment on column public.ai_automation_days.rule_id is 'The automation.';
comment on column public.ai_automation_days.day is 'The day (UTC).';
comment on column public.ai_automation_days.kind is 'As in ai_automation_figures: messages, tokens, cost.';
comment on column public.ai_automation_days.key is 'The model.';
comment on column public.ai_automation_days.total is 'How many on that day.';

create table if not exists public.ai_automation_open_tries (
    attempt_id uuid not null,
    user_id uuid not null references auth.users (id) on delete cascade,
    started_at timestamptz not null,
    counted boolean not null,
    constraint ai_automation_open_tries_pkey primary key (attempt_id)
);

create index if not exists ai_automation_open_tries_owner_idx on public.ai_automation_open_tries (user_id);

comment on table public.ai_automation_open_tries is
'A try whose outcome may still change: roll_up looks at it again, and corrects the figures of the moment it was made.';
comment on index public.ai_automation_open_tries_owner_idx is 'Serves the deletion of a person.';
comment on column public.ai_automation_open_tries.attempt_id is 'The try.';
comment on column public.ai_automation_open_tries.user_id is 'The owner of the automation.';
comment on column public.ai_automation_open_tries.started_at is 'When it was made.';
comment on column public.ai_automation_open_tries.counted is 'Whether it is among the figures as failed, outcome_unknown, until it is known.';

create table if not exists public.ai_automation_roll_up_marks (
    only_one boolean not null default true,
    moves_until timestamptz not null,
    tries_until timestamptz not null,
    open_after uuid not null default '00000000-0000-0000-0000-000000000000',
    messages_until bigint not null default 0,
    messages_noted bigint not null default 0,
    noted_at timestamptz not null,
    coarse_until date not null,
    constraint ai_automation_roll_up_marks_pkey primary key (only_one),
    constraint ai_automation_roll_up_marks_are_one_row check (only_one)
);

comment on table public.ai_automation_roll_up_marks is 'How far roll_up has come. One row.';
comment on column public.ai_automation_roll_up_marks.only_one is 'Always true.';
comment on column public.ai_automation_roll_up_marks.moves_until is 'Minutes before this one are among the figures.';
comment on column public.ai_automation_roll_up_marks.tries_until is 'Tries that began before are.';
comment on column public.ai_automation_roll_up_marks.open_after is 'Open tries up to this one were looked at last.';
comment on column public.ai_automation_roll_up_marks.messages_until is 'Messages up to this one were looked at as replies.';
comment on column public.ai_automation_roll_up_marks.messages_noted is 'The newest message at noted_at; the ones up to it are all committed a little later.';
comment on column public.ai_automation_roll_up_marks.noted_at is 'When that was.';
comment on column public.ai_automation_roll_up_marks.coarse_until is 'Durations of days before this one are kept by the hour.';

-- Not written when a contact moves: only roll_up does, for a message that was replied to.
alter table public.ai_automation_follow_ups add column if not exists replied_at timestamptz;
comment on column public.ai_automation_follow_ups.replied_at is
'When the contact wrote back, if that was before the next follow-up and within 7 days; noted by roll_up, once.';

do $$
begin
    if to_regtype('public.automation_figure') is null then
        create type public.automation_figure as (
            user_id uuid, rule_id uuid, happened_at timestamptz, kind text, key text, number integer, amount bigint
        );
    end if;
end;
$$;

comment on type public.automation_figure is 'Something that happened so many times, for add_figures.';

create or replace function public.running_sums(p_quarters integer[], p_amounts bigint[])
returns bigint[]
language sql
immutable
set search_path = ''
as $$
    select array_agg(s.upto order by s.quarter)
    from (
        select q.quarter, sum(coalesce(a.amount, 0)) over (order by q.quarter)::bigint as upto
        from generate_series(0, 95) as q (quarter)
        left join (
            select u.quarter, sum(u.amount) as amount
            from unnest(p_quarters, p_amounts) as u (quarter, amount)
            group by u.quarter
        ) as a on a.quarter = q.quarter
    ) as s;
$$;

comment on function public.running_sums(integer[], bigint[]) is
'So much in each of these quarters of an hour, as the running sums of a day: 96 elements.';

create or replace function public.add_sums(p_sums bigint[], p_more bigint[])
returns bigint[]
language sql
immutable
set search_path = ''
as $$
    select array_agg(u.upto + p_more[u.part * (96 / cardinality(p_sums))] order by u.part)
    from unnest(p_sums) with ordinality as u (upto, part);
$$;

comment on function public.add_sums(bigint[], bigint[]) is 'Running sums of a day, quarters or hours, and more of 96 quarters.';

create or replace function public.add_figures(p_figures public.automation_figure[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    -- An automation that is being deleted takes its figures along; what it did stays among its owner's.
    v_rule_ids uuid[] := array(
        select r.id from public.ai_automation_rules as r
        where r.id in (select f.rule_id from unnest(p_figures) as f)
        for key share skip locked
    );
begin
    insert into public.ai_automation_figures as f (user_id, scope_id, kind, day, key, number, upto)
    select
        n.user_id, s.scope_id, n.kind, n.day, n.key, n.number,
        public.running_sums(array_agg(n.quarter), array_agg(n.amount))
    from (
        select
            t.user_id, t.rule_id, t.kind, t.key, t.number, (t.happened_at at time zone 'UTC')::date as day,
            (extract(hour from t.happened_at at time zone 'UTC') * 4 + div(extract(minute from t.happened_at at time zone 'UTC'), 15))::integer
                as quarter,
            sum(t.amount)::bigint as amount
        from unnest(p_figures) as t
        group by 1, 2, 3, 4, 5, 6, 7
    ) as n
    cross join lateral (
        select n.user_id as scope_id
        union all
        select n.rule_id where n.rule_id = any(v_rule_ids)
    ) as s
    where n.amount <> 0
    group by n.user_id, s.scope_id, n.kind, n.day, n.key, n.number
    order by 1, 2, 3, 4, 5, 6
    on conflict (user_id, scope_id, kind, day, key, number) do update
        set upto = public.add_sums(f.upto, excluded.upto);

    insert into public.ai_automation_days as d (user_id, rule_id, day, kind, key, total)
    select
        t.user_id, t.rule_id, (t.happened_at at time zone 'UTC')::date as day, t.kind,
        t.key, sum(t.amount)
    from unnest(p_figures) as t
    where
        t.rule_id = any(v_rule_ids)
        and t.kind in ('messages', 'tokens_in', 'tokens_out', 'cost', 'unpriced', 'unpriced_in', 'unpriced_out')
    group by t.user_id, t.rule_id, day, t.kind, t.key
    having sum(t.amount) <> 0
    order by t.user_id, day, t.rule_id, t.kind, t.key
    on conflict (user_id, day, rule_id, kind, key) do update set total = d.total + excluded.total;
end;
$$;

comment on function public.add_figures(public.automation_figure[]) is
'Adds to the figures of an automation and of its owner; amounts may be negative, where something was counted that turned out otherwise.';
