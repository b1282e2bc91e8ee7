-- What an echo says of a try, and what a reply or a STOP ends.

-- Facebook's echo of a message is a late answer to the try that its metadata names. While a worker waits for the answer
-- itself it is left to it, because it knows more; those come back as in_hand, to be told again.
create or replace function public.settle_by_echoes(p_page_id uuid, p_told jsonb)
returns table (mid text, in_hand boolean, settled boolean)
language plpgsql
set search_path = ''
as $$
begin
    return query
    with echo as materialized (
        select
            e.mid, s.id as state_id, e.attempt_id,
            coalesce(
                s.current_stage = 'sending' and s.attempt_id = e.attempt_id and s.lease_token is not null and s.lease_expires_at > now(), false
            ) as in_hand
        from jsonb_to_recordset(p_told) as e (sender_id text, direction text, mid text, attempt_id uuid)
        inner join public.contacts as c on c.page_id = p_page_id and c.sender_id = e.sender_id
        inner join public.ai_automation_contact_states as s on s.contact_id = c.id
        where
            e.direction = 'out'
            and (
                s.attempt_id = e.attempt_id
                or exists (
                    select 1 from public.ai_automation_attempts as a
                    where a.state_id = s.id and a.id = e.attempt_id and a.started_at > now() - interval '2 days'
                )
            )
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
            where not e.in_hand
        )) as r
    )

    select e.mid, e.in_hand, coalesce(bool_or(t.recorded), false)
    from echo as e
    left join told as t on t.state_id = e.state_id and not e.in_hand
    group by e.mid, e.in_hand;
end;
$$;

comment on function public.settle_by_echoes(uuid, jsonb) is
'What Facebook''s echoes of our own messages say of their tries: sent, unless a worker is still waiting for the answer itself.';

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
                    and c.last_inbound_at > case when s.last_sent_at is null and s.current_stage <= 'sending' then s.queued_at else s.last_sent_at end
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
