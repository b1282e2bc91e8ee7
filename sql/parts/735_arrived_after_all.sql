-- An echo is Facebook's own word that a message arrived, whatever it answered: what was refused for sure, and is to be sent
-- again or has been given up, is out (docs/decisions/0055).

-- The caller holds the states, which no worker does, and names one try of each whose follow-up is not counted yet.
create or replace function public.sent_after_all(p_state_ids bigint[], p_attempt_ids uuid[])
returns setof bigint
language sql
set search_path = ''
as $$
    with proven as (
        update public.ai_automation_attempts as a
        set outcome = 'sent', error_code = null, error_message = null, finished_at = now()
        from unnest(p_state_ids, p_attempt_ids) as t (state_id, attempt_id)
        where
            a.id = t.attempt_id and a.state_id = t.state_id and a.started_at > now() - interval '2 days'
            and a.outcome in ('retry', 'failed', 'abandoned')
        returning a.state_id, a.started_at
    ),

    stopped as (
        update public.ai_automation_contact_states as s
        set
            current_stage = 'sent', status_message = 'Facebook reports that it arrived', reason_code = null,
            error_code = null, error_message = null, error_hint = null,
            follow_up_count = s.follow_up_count + 1, last_sent_at = a.started_at, next_send_at = null,
            next_check_at = case
                when s.follow_up_count + 1 < s.max_follow_ups
                    then a.started_at + make_interval(mins => coalesce(nullif(r.wait_minutes, 0), r.run_every_minutes))
            end,
            -- A place that was given back is taken after all.
            quota_day = coalesce(s.quota_day, timezone(r.time_zone, a.started_at)::date)
        from proven as a, public.ai_automation_rules as r
        where s.id = a.state_id and r.id = s.rule_id and s.current_stage in ('queued', 'eligible', 'ready_to_send', 'failed', 'skipped')
        returning s.id
    ),

    -- A sequence that has ended meanwhile stays ended.
    counted as (
        update public.ai_automation_contact_states as s
        set follow_up_count = s.follow_up_count + 1, last_sent_at = a.started_at
        from proven as a
        where s.id = a.state_id and s.current_stage in ('sent', 'completed')
        returning s.id
    )

    select s.id from stopped as s
    union all
    select c.id from counted as c;
$$;

comment on function public.sent_after_all(bigint[], uuid[]) is
'Makes tries sent that were refused, and counts their follow-ups; whoever waits to be sent to again, or was given up, goes to sent.';

-- For record_outcomes: the echo was here before the answer.
create or replace function public.believe_echoes(p_outcomes jsonb)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_agg(
        case
            when k.mid is null then o.told
            else o.told || jsonb_build_object(
                'to_stage', 'sent', 'attempt_outcome', 'sent', 'facebook_message_id', k.mid, 'after_seconds', null,
                'error_code', null, 'error_message', null, 'error_hint', null, 'reason_code', null,
                'status_message', 'Facebook reports that it arrived'
            )
        end
        order by o.number
    )
    from jsonb_array_elements(p_outcomes) with ordinality as o (told, number)
    left join lateral (
        select e.told ->> 'mid' as mid
        from public.ai_automation_contact_states as s
        inner join public.contacts as c on c.id = s.contact_id
        inner join public.facebook_pages as p on p.id = s.page_id
        inner join public.facebook_events as e on e.facebook_page_id = p.facebook_page_id and e.sender_id = c.sender_id
        where
            o.told ->> 'from_stage' = 'sending' and o.told ->> 'to_stage' in ('ready_to_send', 'failed', 'skipped')
            -- Who wants no more is told so first; the receiver settles the rest.
            and o.told ->> 'error_code' is distinct from 'opted_out'
            and s.id = (o.told ->> 'state_id')::bigint and s.lease_token::text = o.told ->> 'lease_token'
            and e.done_at is null and e.kind = 'echo' and e.told ->> 'metadata' = 'stagelight:' || s.attempt_id
        limit 1
    ) as k on true;
$$;

comment on function public.believe_echoes(jsonb) is
'Outcomes that say that a try came to nothing, though its echo is here and waits to be worked on, say that it was sent.';

-- For pick_contacts: the receiver has not come to the echo yet.
create or replace function public.without_arrived(p_state_ids bigint[])
returns bigint[]
language plpgsql
set search_path = ''
as $$
declare
    v_state_ids bigint[];
    v_attempt_ids uuid[];
begin
    select array_agg(t.state_id), array_agg(t.attempt_id) into v_state_ids, v_attempt_ids
    from (
        select distinct on (s.id) s.id as state_id, a.id as attempt_id
        from public.ai_automation_contact_states as s
        inner join public.contacts as c on c.id = s.contact_id
        inner join public.facebook_pages as p on p.id = s.page_id
        inner join public.facebook_events as e on e.facebook_page_id = p.facebook_page_id and e.sender_id = c.sender_id
        inner join public.ai_automation_attempts as a on a.state_id = s.id
        where
            s.id = any(p_state_ids) and e.done_at is null and e.kind = 'echo' and e.told ->> 'metadata' = 'stagelight:' || a.id
            and a.outcome in ('retry', 'failed', 'abandoned') and a.follow_up = s.follow_up_count + 1
            and a.started_at > now() - interval '2 days'
        order by s.id, a.started_at
    ) as t;
    if v_state_ids is null then
        return p_state_ids;
    end if;
    return array(
        select i.id from unnest(p_state_ids) as i (id)
        except
        select t.id from public.sent_after_all(v_state_ids, v_attempt_ids) as t (id)
    );
end;
$$;

comment on function public.without_arrived(bigint[]) is
'Of contacts that are to be sent to, those of whose follow-up no echo waits to be worked on; the others are sent. The caller holds them.';

revoke execute on function public.sent_after_all(bigint[], uuid[]), public.believe_echoes(jsonb), public.without_arrived(bigint[])
from public, anon, authenticated, service_role;
grant execute on function public.sent_after_all(bigint[], uuid[]), public.believe_echoes(jsonb), public.without_arrived(bigint[])
to service_role;
