-- What an echo says of a try, and what a reply or a STOP ends.

-- Facebook's echo of a message is a late answer to the try that its metadata names. While a worker waits for the answer
-- itself it is left to it, because it knows more; those come back as in_hand, to be told again. So does what was refused
-- and arrived while a worker is at the contact again: its step ends first, and the follow-up counts once.
create or replace function public.settle_by_echoes(p_page_id uuid, p_told jsonb)
returns table (mid text, in_hand boolean, settled boolean)
language plpgsql
set search_path = ''
as $$
declare
    v_echoes jsonb;
    v_state_ids bigint[];
    v_attempt_ids uuid[];
    v_settled bigint[];
begin
    select coalesce(jsonb_agg(to_jsonb(k)), '[]') into v_echoes
    from (
        select
            e.mid, s.id as state_id, e.attempt_id, a.started_at, f.was_refused,
            coalesce(
                (f.was_refused and s.current_stage in ('checking', 'generating', 'sending'))
                or (s.current_stage = 'sending' and s.attempt_id = e.attempt_id and s.lease_token is not null and s.lease_expires_at > now()),
                false
            ) as in_hand
        from jsonb_to_recordset(p_told) as e (sender_id text, direction text, mid text, attempt_id uuid)
        inner join public.contacts as c on c.page_id = p_page_id and c.sender_id = e.sender_id
        inner join public.ai_automation_contact_states as s on s.contact_id = c.id
        left join public.ai_automation_attempts as a
            on a.state_id = s.id and a.id = e.attempt_id and a.started_at > now() - interval '2 days'
        cross join lateral (
            select coalesce(a.outcome in ('retry', 'failed', 'abandoned') and a.follow_up = s.follow_up_count + 1, false) as was_refused
        ) as f
        where e.direction = 'out' and (s.attempt_id = e.attempt_id or a.id is not null)
    ) as k;

    if jsonb_path_exists(v_echoes, '$[*] ? (@.was_refused == true)') then
        -- It is known at once, so that whoever looks a later try up does not take it for that one's message.
        update public.ai_automation_attempts as a
        set facebook_message_id = e.mid
        from jsonb_to_recordset(v_echoes) as e (mid text, state_id bigint, attempt_id uuid, was_refused boolean)
        where
            e.was_refused and a.id = e.attempt_id and a.state_id = e.state_id and a.started_at > now() - interval '2 days'
            and a.facebook_message_id is null;
        select array_agg(t.state_id), array_agg(t.attempt_id) into v_state_ids, v_attempt_ids
        from (
            select distinct on (e.state_id) e.state_id, e.attempt_id
            from jsonb_to_recordset(v_echoes) as e (
                state_id bigint, attempt_id uuid, started_at timestamptz, was_refused boolean, in_hand boolean
            )
            where e.was_refused and not e.in_hand
            order by e.state_id, e.started_at
        ) as t;
        v_settled := array(select t.id from public.sent_after_all(v_state_ids, v_attempt_ids) as t (id));
    end if;

    return query
    with echo as materialized (
        select e.mid, e.state_id, e.attempt_id, e.was_refused, e.in_hand
        from jsonb_to_recordset(v_echoes) as e (mid text, state_id bigint, attempt_id uuid, was_refused boolean, in_hand boolean)
    ),

    told as (
        select r.state_id, r.recorded
        from public.record_outcomes((
            select coalesce(jsonb_agg(jsonb_build_object(
                -- Nobody's token: what it says counts because the message is out, not because somebody holds the contact.
                'state_id', e.state_id, 'lease_token', gen_random_uuid(), 'from_stage', 'sending', 'to_stage', 'sent',
                'attempt_id', e.attempt_id, 'attempt_outcome', 'sent', 'facebook_message_id', e.mid,
                'status_message', 'Facebook reports that it arrived'
            )), '[]'::jsonb)
            from echo as e
            where not e.in_hand and not e.was_refused
        )) as r
    )

    select e.mid, e.in_hand, coalesce(bool_or(t.recorded or (e.was_refused and e.state_id = any(v_settled))), false)
    from echo as e
    left join told as t on t.state_id = e.state_id and not e.in_hand and not e.was_refused
    group by e.mid, e.in_hand;
end;
$$;

comment on function public.settle_by_echoes(uuid, jsonb) is
'What Facebook''s echoes of our own messages say of their tries: sent, whatever was answered, unless a worker is still waiting for the answer itself, or is at the contact again.';

-- Those whose sequences a reply or a STOP has just ended, in whatever stage they wait; who is in a worker's hands is ended
-- at its next step, and those that are sent already by the trigger of contacts.
create or replace function public.end_sequences_of(p_contact_ids uuid[])
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_over bigint[];
    v_why text[];
    v_ended integer;
begin
    select array_agg(o.id order by o.id), array_agg(o.reason order by o.id) into v_over, v_why
    from (
        select
            s.id,
            case
                when c.opted_out_at is not null then 'opted_out'
                when
                    r.stop_on_reply
                    and c.last_inbound_at > case
                        when s.last_sent_at is not null then least(s.sequence_began_at, s.last_sent_at)
                        when s.current_stage <= 'sending' then s.queued_at
                    end
                    then 'replied'
            end as reason
        from public.ai_automation_contact_states as s
        inner join public.contacts as c on c.id = s.contact_id
        inner join public.ai_automation_rules as r on r.id = s.rule_id
        where
            s.contact_id = any(p_contact_ids)
            and s.current_stage in ('queued', 'eligible', 'ready_to_send', 'sent', 'skipped')
    ) as o
    where o.reason is not null;
    if v_over is null then
        return 0;
    end if;

    update public.ai_automation_contact_states as s
    set current_stage = 'skipped', reason_code = o.why, status_message = public.reason_text(o.why), next_send_at = null, quota_day = null
    from unnest(v_over, v_why) as o (id, why)
    where s.id = o.id and s.current_stage in ('queued', 'eligible', 'ready_to_send');

    update public.ai_automation_contact_states as s
    set current_stage = 'completed', reason_code = o.why, status_message = public.reason_text(o.why), next_check_at = null
    from unnest(v_over, v_why) as o (id, why)
    where s.id = o.id and s.current_stage in ('sent', 'skipped');
    get diagnostics v_ended = row_count;
    return v_ended;
end;
$$;

comment on function public.end_sequences_of(uuid[]) is
'Completes what waits of contacts who opted out or replied; returns how many sequences ended. The caller holds their states.';

revoke execute on function public.settle_by_echoes(uuid, jsonb), public.end_sequences_of(uuid[]) from public, anon, authenticated, service_role;
grant execute on function public.settle_by_echoes(uuid, jsonb), public.end_sequences_of(uuid[]) to service_role;
