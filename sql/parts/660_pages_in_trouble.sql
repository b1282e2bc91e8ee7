-- A page that Facebook slows down or stops: how fast it may send, when it is tried again, and the one alert it gives.

alter table public.facebook_pages add column if not exists setbacks integer not null default 0;
alter table public.facebook_pages add column if not exists setback_at timestamptz;
alter table public.facebook_pages add column if not exists usage_percent real not null default 0;
alter table public.facebook_pages add column if not exists usage_at timestamptz;
alter table public.ai_automation_contact_states add column if not exists cost_usd numeric(12, 6);
alter table public.ai_automation_attempts add column if not exists cost_usd numeric(12, 6);
alter table public.ai_automation_audit add column if not exists page_id uuid;

create index if not exists facebook_pages_same_idx on public.facebook_pages (facebook_page_id);
comment on index public.facebook_pages_same_idx is 'Serves page_room and the settling of sends: the rows of one page that several owners have connected.';

comment on column public.facebook_pages.paused_until is
'Nothing is sent before this moment. Then sending goes on by itself; of a page that is not active one message is sent to see whether it works again.';
comment on column public.facebook_pages.setbacks is 'How often in a row Facebook stopped the page or asked it to wait; 0 after a message that went through.';
comment on column public.facebook_pages.setback_at is 'When it did so last; what tries that began before tell is the same setback.';
comment on column public.facebook_pages.usage_percent is 'The share of Facebook''s limits in use by its own headers; from 75 the page slows down, at 95 it pauses.';
comment on column public.facebook_pages.usage_at is 'When that share was told.';
comment on column public.ai_automation_contact_states.cost_usd is 'What writing this message cost, drafts that were not used included, by the worker''s price list.';
comment on column public.ai_automation_attempts.cost_usd is 'What writing the message cost.';
comment on column public.ai_automation_audit.page_id is 'The page that was stopped, for page_paused.';

-- The share of a page's rate that Facebook's usage headers leave: all of it below 75 %, a tenth from 93 %.
create or replace function public.rate_share(p_usage_percent real, p_usage_at timestamptz)
returns double precision
language sql
stable
set search_path = ''
as $$
    select case
        when p_usage_percent < 75 or p_usage_at is null or p_usage_at < now() - interval '1 hour' then 1
        else greatest((95 - p_usage_percent) / 20.0, 0.1)
    end;
$$;

comment on function public.rate_share(real, timestamptz) is 'How much of its rate a page may use, from 0.1 to 1; a reading older than an hour says nothing.';

-- Anybody can name a page's id: whose token has not proven to be the page's has no part in its rate.
create or replace function public.rows_of_page(p_page_id uuid)
returns uuid[]
language sql
stable
set search_path = ''
as $$
    select array_agg(q.id order by q.id)
    from public.facebook_pages as p
    inner join public.facebook_pages as q on q.facebook_page_id = p.facebook_page_id
    where p.id = p_page_id and (q.id = p.id or (p.proven_at is not null and q.proven_at is not null));
$$;

comment on function public.rows_of_page(uuid) is
'The rows of one Facebook page that several owners have connected and proven to be theirs, this one among them; the first is the lock of all.';

-- A call reaches Facebook at some moment between its claim and the writing down of its answer, however slow the worker is.
-- So it takes a place from the one until a second after the other: then no second at Facebook can see more than the rate.
-- Facebook counts by its own page: of several owners who have connected it, the slowest rate holds for all together.
create or replace function public.page_room(p_page_id uuid)
returns integer
language plpgsql
stable
set search_path = ''
as $$
declare
    -- Read once: they are compared with every message of the last minute.
    v_began_after timestamptz := clock_timestamp() - interval '1.25 seconds';
    v_answered_after timestamptz := clock_timestamp() - interval '1.1 seconds';
    v_under_way_since timestamptz := now() - interval '30 seconds';
begin
    return (
        select case
            -- None of them is sent: the recheck skips them, and none may wait for that at the page's rate.
            when p.disconnected_at is not null then 1000
            else greatest(0, least(
                case when p.status <> 'active' then 1 end,
                ceil(s.a_minute) - t.in_a_minute - k.in_a_minute,
                greatest(floor(s.a_minute / 60), 1) - t.in_a_second - k.in_a_second
            ))
        end::integer
        from public.facebook_pages as p
        cross join lateral (
            select
                array_agg(q.id) as ids,
                min(q.sends_per_minute * public.rate_share(q.usage_percent, q.usage_at)) filter (where q.disconnected_at is null) as a_minute
            from public.facebook_pages as q
            where q.id = any(public.rows_of_page(p.id))
        ) as s
        cross join lateral (
            select
                count(*) as in_a_minute,
                -- Just begun, just answered, or under way: whoever calls may be slow to reach Facebook, but not for half a minute.
                count(*) filter (
                    where
                        a.started_at > v_began_after or a.finished_at > v_answered_after
                        or (a.outcome = 'sending' and a.started_at > v_under_way_since)
                ) as in_a_second
            from public.ai_automation_attempts as a
            where a.page_id = any(s.ids) and a.started_at > now() - interval '1 minute'
        ) as t
        -- Answers to STOP and START are messages too.
        cross join lateral (
            select
                count(*) as in_a_minute,
                count(*) filter (
                    where
                        o.tried_at > v_began_after or o.finished_at > v_answered_after
                        or (o.status = 'sending' and o.tried_at > v_under_way_since)
                ) as in_a_second
            from public.opt_confirmations as o
            inner join public.contacts as c on c.id = o.contact_id
            where c.page_id = any(s.ids) and o.tried_at > now() - interval '1 minute'
        ) as k
        where p.id = p_page_id
    );
end;
$$;

comment on function public.page_room(uuid) is
'How many messages of the page may be handed over now, over all workers and all owners who have connected it: its rate per minute, a sixtieth of it in a second; one as a test when the page is not active.';

create or replace function public.test_stopped_pages(p_state_ids bigint[])
returns void
language sql
set search_path = ''
as $$
    update public.facebook_pages as p
    set paused_until = now() + interval '2 minutes'
    from public.ai_automation_contact_states as s
    where s.id = any(p_state_ids) and p.id = s.page_id and p.status <> 'active';
$$;

comment on function public.test_stopped_pages(bigint[]) is
'Called when messages are taken for sending: a page that is not active sends nothing else until it is known what became of this one.';

-- What messages tell of their pages. 30 minutes, doubling to 4 hours, for a page that was stopped; 15 seconds, doubling to
-- 15 minutes, or as long as Facebook asks, for one that is too fast.
create or replace function public.record_page_news(p_news jsonb)
returns void
language plpgsql
set search_path = ''
as $$
begin
    perform 1
    from public.facebook_pages as p
    where p.id in (select (n.value ->> 'page_id')::uuid from jsonb_array_elements(p_news) as n)
    order by p.id
    for no key update;

    update public.facebook_pages as p
    set
        status = case when w.page_status is not null then w.page_status when w.is_back then 'active' else p.status end,
        status_reason = case when w.reason is not null then w.reason when not w.is_back then p.status_reason end,
        setbacks = case when w.is_new then w.setbacks + 1 when w.is_back then 0 else p.setbacks end,
        -- The clock, not this transaction's beginning: whoever claimed before the lock above began before it.
        setback_at = case when w.is_new then clock_timestamp() else p.setback_at end,
        paused_until = case
            when w.is_back and w.page_status is null and not w.is_full and not w.stays_full then null
            else greatest(
                case when w.is_back and not w.stays_full then null else p.paused_until end,
                case when w.is_new then now() + w.own_pause end,
                now() + w.asked_pause,
                case when w.is_full then now() + greatest(interval '5 minutes', w.regained_in) end
            )
        end,
        usage_percent = coalesce(w.usage_percent, p.usage_percent),
        usage_at = case when w.usage_percent is null then p.usage_at else now() end,
        updated_at = now()
    from (
        select
            g.*,
            f.is_new, f.setbacks,
            g.sent_since is true and not f.is_new as is_back,
            coalesce(g.usage_of_sent, 0) >= 95 as is_full,
            -- Not every answer tells of the limits: one that does not is no word that there is room again.
            coalesce(g.usage_percent, case when g.usage_at > now() - interval '1 hour' then g.usage_before end, 0) >= 95 as stays_full,
            case
                when not f.is_new then null
                when g.page_status is null then least(interval '15 seconds' * power(2, least(f.setbacks, 10)), interval '15 minutes')
                else least(interval '30 minutes' * power(2, least(f.setbacks, 10)), interval '4 hours')
            end as own_pause
        from (
            select
                q.id as page_id, q.status, q.setbacks as setbacks_before, q.setback_at, q.usage_percent as usage_before, q.usage_at,
                max(n.page_status) as page_status, max(n.reason) as reason,
                max(make_interval(secs => n.pause_seconds)) as asked_pause,
                max(n.usage_percent) as usage_percent, max(n.usage_percent) filter (where n.sent) as usage_of_sent,
                max(make_interval(secs => n.regain_seconds)) filter (where n.sent and n.usage_percent >= 95) as regained_in,
                bool_or(n.sent and (q.setback_at is null or n.started_at > q.setback_at)) as sent_since,
                max(coalesce(n.started_at, now())) filter (where n.page_status is not null or n.pause_seconds > 0) as failed_from
            from jsonb_to_recordset(p_news) as n (
                page_id uuid, page_status text, reason text, pause_seconds double precision, usage_percent real, sent boolean,
                regain_seconds double precision, started_at timestamptz
            )
            inner join public.facebook_pages as q on q.id = n.page_id and q.disconnected_at is null
            group by q.id, q.status, q.setbacks, q.setback_at, q.usage_percent, q.usage_at
        ) as g
        cross join lateral (
            select
                g.failed_from is not null and (g.setback_at is null or g.failed_from > g.setback_at) as is_new,
                case when g.page_status is not null and g.status = 'active' then 0 else g.setbacks_before end as setbacks
        ) as f
    ) as w
    where p.id = w.page_id;
end;
$$;

comment on function public.record_page_news(jsonb) is
'Stops, pauses, slows or frees pages by what their messages met ([{page_id, page_status, reason, pause_seconds, usage_percent, regain_seconds, sent, started_at}]). From 95 % on a page waits five minutes, or as long as Facebook says it takes to regain access. Several tries that met one trouble are one setback.';

create or replace function public.alert_when_a_page_stops()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into public.ai_automation_audit (user_id, page_id, action, detail)
    values (
        new.user_id, new.id, case new.status when 'active' then 'page_resumed' else 'page_paused' end,
        case when new.status <> 'active' and new.status_reason <> '' then jsonb_build_object('why', left(new.status_reason, 500)) else '{}' end
    );
    return null;
end;
$$;

create or replace trigger alert_when_a_page_stops
after update on public.facebook_pages
for each row when ((new.status = 'active') is distinct from (old.status = 'active'))
execute function public.alert_when_a_page_stops();

comment on function public.alert_when_a_page_stops() is 'One line in the audit when a page is stopped, with why, and one when it may send again, however many messages met it.';

revoke execute on function
public.rate_share(real, timestamptz),
public.page_room(uuid),
public.test_stopped_pages(bigint[]),
public.record_page_news(jsonb),
public.alert_when_a_page_stops()
from public, anon, authenticated, service_role;
grant execute on function
public.rate_share(real, timestamptz),
public.page_room(uuid),
public.test_stopped_pages(bigint[]),
public.record_page_news(jsonb)
to service_role;
grant execute on function public.rate_share(real, timestamptz) to authenticated;
revoke execute on function public.rows_of_page(uuid) from public, anon, authenticated, service_role;
grant execute on function public.rows_of_page(uuid) to service_role;
