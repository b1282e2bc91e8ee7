-- Sums over everybody, for whoever operates it: told only for the token that the worker has left the hash of. The dashboard,
-- which has no secret key, hands on what the scraper shows.

create table if not exists public.metrics_marks (
    id boolean not null default true,
    token_hash text not null,
    counted_until timestamptz not null default date_trunc('minute', now()),
    constraint metrics_marks_pkey primary key (id),
    constraint metrics_marks_is_one check (id)
);
create table if not exists public.metrics_totals (
    stage public.automation_stage not null,
    bucket smallint not null,
    entered bigint not null default 0,
    passed bigint not null default 0,
    passed_seconds double precision not null default 0,
    constraint metrics_totals_pkey primary key (stage, bucket)
);

comment on table public.metrics_marks is 'One row, while METRICS_TOKEN is set: who may read the metrics, and how far they have counted.';
comment on column public.metrics_marks.id is 'True; there is one row.';
comment on column public.metrics_marks.token_hash is 'SHA-256 of METRICS_TOKEN in hex, written by a worker.';
comment on column public.metrics_marks.counted_until is 'Minutes before this are in metrics_totals.';
comment on table public.metrics_totals is 'Counters that only grow: every minute of ai_automation_stage_minutes is added once, whatever becomes of its automation.';
comment on column public.metrics_totals.stage is 'The stage.';
comment on column public.metrics_totals.bucket is 'Durations up to 0.01 s times 1.2 to this power; in the lowest also those who came in.';
comment on column public.metrics_totals.entered is 'How many came in.';
comment on column public.metrics_totals.passed is 'How many left.';
comment on column public.metrics_totals.passed_seconds is 'How long those had stayed.';

alter table public.metrics_marks enable row level security;
alter table public.metrics_totals enable row level security;
revoke all on public.metrics_marks, public.metrics_totals from public, anon, authenticated, service_role;
drop policy if exists "nobody who signs in sees who may read metrics" on public.metrics_marks;
create policy "nobody who signs in sees who may read metrics" on public.metrics_marks
for select to authenticated using (false);
drop policy if exists "nobody who signs in sees everybody's sums" on public.metrics_totals;
create policy "nobody who signs in sees everybody's sums" on public.metrics_totals
for select to authenticated using (false);

create or replace function public.set_metrics_key(p_token_hash text)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    if coalesce(p_token_hash, '') = '' then
        delete from public.metrics_marks as m where m.id;
    else
        insert into public.metrics_marks as m (token_hash) values (p_token_hash)
        on conflict (id) do update set token_hash = excluded.token_hash where m.token_hash <> excluded.token_hash;
    end if;
end;
$$;

comment on function public.set_metrics_key(text) is 'A worker says by which token, as SHA-256 in hex, the metrics may be read; empty: by none.';

create or replace function public.count_metrics()
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    -- What was done in a minute is written down within two.
    v_until constant timestamptz := date_trunc('minute', now() - interval '2 minutes');
    v_from timestamptz;
begin
    select m.counted_until into v_from from public.metrics_marks as m where m.id for no key update skip locked;
    if v_from is null or v_from >= v_until then
        return;
    end if;
    insert into public.metrics_totals as t (stage, bucket, entered, passed, passed_seconds)
    select k.stage, k.bucket, sum(k.entered), sum(k.passed), sum(k.passed_seconds)
    from public.ai_automation_rules as r
    inner join public.ai_automation_stage_minutes as k
        on k.rule_id = r.id and k.minute >= greatest(v_from, v_until - interval '1 day') and k.minute < v_until
    group by k.stage, k.bucket
    on conflict (stage, bucket) do update
        set
            entered = t.entered + excluded.entered, passed = t.passed + excluded.passed,
            passed_seconds = t.passed_seconds + excluded.passed_seconds;
    update public.metrics_marks as m set counted_until = v_until where m.id;
end;
$$;

comment on function public.count_metrics() is 'Adds the minutes that are over to metrics_totals, each once; a day of them at most, so that a first scrape after a pause stays short.';

create or replace function public.metrics(p_token text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    if not exists (
        select 1 from public.metrics_marks as m where m.token_hash = encode(sha256(convert_to(p_token, 'UTF8')), 'hex')
    ) then
        return null;
    end if;
    perform public.count_metrics();
    return (
        with queues as materialized (
            select c.rule_id, c.stage, sum(c.contacts) as contacts
            from public.ai_automation_stage_counts as c
            where c.slot >= public.monitor_since()
            group by c.rule_id, c.stage
            having sum(c.contacts) > 0
        ),

        ages as materialized (
            select q.stage, q.contacts, o.stage_entered_at as oldest_at, l.lost
            from queues as q
            inner join (
                values ('sending', 1::smallint), ('ready_to_send', 2), ('generating', 3), ('eligible', 4), ('checking', 5), ('queued', 6),
                ('failed', 0), ('sent', 7), ('skipped', 8), ('completed', 9)
            ) as k (stage, stage_rank) on k.stage = q.stage::text
            left join lateral (
                select s.stage_entered_at
                from public.ai_automation_contact_states as s
                where s.rule_id = q.rule_id and s.stage_rank = k.stage_rank
                order by s.stage_entered_at
                limit 1
            ) as o on k.stage_rank between 1 and 6
            left join lateral (
                select count(*) as lost
                from public.ai_automation_contact_states as s
                where
                    s.rule_id = q.rule_id and s.stage_rank = k.stage_rank
                    and (s.lease_expires_at < now() or public.is_silent(s.lease_owner))
            ) as l on k.stage_rank in (1, 3, 5)
        )

        select jsonb_build_object(
            'stages', (
                select jsonb_object_agg(g.stage, jsonb_build_object('contacts', g.contacts, 'oldest_seconds', g.age))
                from (
                    select
                        a.stage, sum(a.contacts) as contacts,
                        date_part('epoch', now() - min(a.oldest_at)) as age
                    from ages as a
                    group by a.stage
                ) as g
            ),
            'lost', (select coalesce(sum(a.lost), 0) from ages as a),
            'pages', (
                select jsonb_object_agg(p.state, p.pages)
                from (
                    select
                        case
                            when g.disconnected_at is not null then 'disconnected'
                            when g.status <> 'active' then g.status
                            when g.paused_at is not null then 'paused'
                            when g.paused_until > now() then 'waiting'
                            else 'active'
                        end as state,
                        count(*) as pages
                    from public.facebook_pages as g
                    group by 1
                ) as p
            ),
            'workers', public.worker_health() -> 'alive',
            'receivers', public.receiver_health() -> 'alive',
            'totals', (
                select jsonb_agg(jsonb_build_array(t.stage, t.bucket, t.entered, t.passed, t.passed_seconds) order by t.stage, t.bucket)
                from public.metrics_totals as t
            )
        )
    );
end;
$$;

comment on function public.metrics(text) is
'Sums over all owners for the holder of METRICS_TOKEN; null for everybody else. Reads counts, minutes and indexes, never history.';

revoke execute on function public.set_metrics_key(text), public.count_metrics(), public.metrics(text)
from public, anon, authenticated, service_role;
grant execute on function public.set_metrics_key(text) to service_role;
grant execute on function public.metrics(text) to anon, authenticated, service_role;
