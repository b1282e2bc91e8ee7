-- How contacts get into a worker's hands: one stage at a time, each with a lease of its own.

create or replace function public.recheck_reviews(p_limit integer)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_ids bigint[] := array(
        select d.id
        from public.ai_automation_rules as r
        inner join public.facebook_pages as p on p.id = r.page_id
        cross join lateral (
            select s.id
            from public.ai_automation_contact_states as s
            where
                s.current_stage = 'ready_to_send' and s.user_id = r.user_id and s.page_id = r.page_id and s.due_at <= now()
                and s.rule_id = r.id and s.approved_at is null
            order by s.due_at, s.id
            limit p_limit
            for no key update of s skip locked
        ) as d
        -- A message is not thrown away because its page waits.
        where r.review_before_send and (p.paused_until is null or p.paused_until <= now()) and p.paused_at is null
        limit p_limit
    );
begin
    if v_ids = '{}' then
        return;
    end if;
    perform public.lock_daily_usage(v_ids);
    perform public.skip_ineligible(v_ids);
    update public.ai_automation_contact_states as s
    set due_at = now() + interval '1 minute'
    where s.id = any(v_ids) and s.current_stage = 'ready_to_send';
end;
$$;

comment on function public.recheck_reviews(integer) is
'Looks once a minute at messages that wait for a person: one whose contact may no longer be written to is skipped, not kept.';

drop function if exists public.pick_contacts(public.automation_stage, integer);
drop function if exists public.pick_contacts(public.automation_stage, integer, text);
create or replace function public.pick_contacts(
    p_stage public.automation_stage, p_limit integer, p_worker text, p_in_hand jsonb default null
)
returns setof bigint
language plpgsql
set search_path = ''
as $$
declare
    v_ids bigint[];
begin
    -- Beside a contact that ended two workers nothing is sent or settled: its last turn is to tell of nobody else. For no
    -- longer than a call takes that ends well, so that a writer who does not answer holds up no message.
    if
        p_stage in ('ready_to_send', 'sending')
        and exists (
            select 1 from public.ai_automation_contact_states as s
            where
                s.current_stage = 'generating' and s.times_lost >= 2 and s.lease_owner = p_worker
                and s.lease_expires_at > now() and s.stage_entered_at > now() - interval '10 seconds'
        )
    then
        return;
    end if;
    case p_stage
        when 'queued' then
            return query select f.state_id from public.pick_fairly(p_stage, p_limit) as f (state_id);
        when 'eligible' then
            v_ids := array(select w.state_id from public.pick_to_write(p_worker, p_limit, p_in_hand) as w (state_id));
            perform public.lock_daily_usage(v_ids);
            return query select k.state_id from public.skip_ineligible(v_ids) as k (state_id);
        when 'ready_to_send' then
            v_ids := array(select r.state_id from public.pick_ready_to_send(p_limit, p_in_hand) as r (state_id));
            perform public.lock_daily_usage(v_ids);
            if exists (select from public.facebook_events as e where e.done_at is null) then
                v_ids := public.without_unheard(public.without_arrived(v_ids));
            end if;
            return query select k.state_id from public.skip_ineligible(v_ids) as k (state_id);
            perform public.recheck_reviews(p_limit);
        when 'sending' then
            return query select t.state_id from public.pick_to_settle(p_worker, p_limit) as t (state_id);
        else
            raise exception 'Contacts cannot be claimed from stage %.', p_stage using errcode = '22023';
    end case;
end;
$$;

comment on function public.pick_contacts(public.automation_stage, integer, text, jsonb) is
'Locks the contacts that claim_contacts hands out; rows that another worker is taking are passed over.';

drop function if exists public.claim_contacts(text, text, integer, integer);
create or replace function public.claim_contacts(
    p_stage text, p_worker text, p_limit integer, p_lease_seconds integer, p_in_hand jsonb default null
)
returns table (
    state_id bigint, lease_token uuid, stage text, rule_id uuid, rule_name text, prompt text, language text, model text,
    review_before_send boolean, contact_name text, sender_id text, page_name text, facebook_page_id text,
    encrypted_token text, follow_up_count integer, max_follow_ups integer, attempt integer, window_closes_at timestamptz,
    message text, attempt_id uuid, attempt_started_at timestamptz, history jsonb
)
language plpgsql
set search_path = ''
as $$
declare
    v_ids bigint[];
begin
    select array_agg(k.id) into v_ids
    from public.pick_contacts(p_stage::public.automation_stage, p_limit, p_worker, p_in_hand) as k (id);
    if v_ids is null then
        return;
    end if;

    -- The rules are here, so a worker need know nothing of whom it only has checked.
    if p_stage = 'queued' then
        return query
        update public.ai_automation_contact_states as s
        set
            current_stage = 'checking',
            status_message = 'Verifying the rules',
            lease_owner = p_worker,
            lease_token = gen_random_uuid(),
            lease_expires_at = now() + make_interval(secs => p_lease_seconds)
        where s.id = any(v_ids)
        returning
            s.id, s.lease_token, s.current_stage::text, s.rule_id, null::text, null::text, null::text, null::text,
            null::boolean, null::text, null::text, null::text, null::text,
            null::text, s.follow_up_count, s.max_follow_ups, s.attempt, null::timestamptz,
            null::text, null::uuid, null::timestamptz, '[]'::jsonb;
        return;
    end if;

    update public.ai_automation_contact_states as s
    set
        current_stage = case s.current_stage
            when 'eligible' then 'generating' else 'sending'
        end::public.automation_stage,
        status_message = case s.current_stage
            when 'eligible' then 'AI is writing the message'
            when 'ready_to_send' then 'Being handed to Facebook'
            else 'Asking Facebook whether the message arrived'
        end,
        lease_owner = p_worker,
        lease_token = gen_random_uuid(),
        lease_expires_at = now() + make_interval(secs => p_lease_seconds),
        attempt_id = case when p_stage = 'ready_to_send' then gen_random_uuid() else s.attempt_id end,
        attempt_started_at = case when p_stage = 'ready_to_send' then now() else s.attempt_started_at end
    where s.id = any(v_ids);

    if p_stage = 'ready_to_send' then
        insert into public.ai_automation_attempts (
            id, started_at, user_id, state_id, rule_id, contact_id, page_id, run_id, follow_up, message, ai_model,
            tokens_in, tokens_out, cost_usd, generation_time_ms, worker
        )
        select
            s.attempt_id, s.attempt_started_at, s.user_id, s.id, s.rule_id, s.contact_id, s.page_id, s.run_id,
            s.follow_up_count + 1, s.generated_message, s.ai_model, s.tokens_in, s.tokens_out, s.cost_usd,
            s.generation_time_ms, p_worker
        from public.ai_automation_contact_states as s
        where s.id = any(v_ids);
        perform public.test_stopped_pages(v_ids);
    end if;

    return query
    select
        s.id, s.lease_token, s.current_stage::text, r.id, r.name,
        -- Only the step that needs it is told: the writer the prompt and the conversation, the sender the token.
        case s.current_stage when 'generating' then r.prompt else '' end, r.language, r.model,
        r.review_before_send, c.sender_name, c.sender_id, p.name, p.facebook_page_id,
        case s.current_stage when 'sending' then k.encrypted_token end, s.follow_up_count, s.max_follow_ups,
        -- A call that was made in vain is repeated now, whether it counts as a try of this contact or not; a message that
        -- took several tries to write is sent for the first time.
        case
            when s.error_code is null then 0
            when s.error_code <> 'many_retries' and public.is_untouched(s.error_code) then s.attempt
            else greatest(s.attempt, 1)
        end,
        c.last_inbound_at + interval '24 hours',
        s.generated_message, a.id, a.started_at, coalesce(h.said, o.said, '[]'::jsonb)
    from public.ai_automation_contact_states as s
    inner join public.ai_automation_rules as r on r.id = s.rule_id
    inner join public.contacts as c on c.id = s.contact_id
    inner join public.facebook_pages as p on p.id = r.page_id
    left join public.facebook_page_secrets as k on k.page_id = p.id
    left join lateral (
        select s.attempt_id as id, s.attempt_started_at as started_at where s.current_stage = 'sending'
    ) as a on true
    left join lateral (
        select jsonb_agg(jsonb_build_object('by', case m.direction when 'in' then 'contact' else 'page' end, 'text', m.body, 'at', m.said_at) order by m.said_at) as said
        from (
            select n.direction, n.body, n.said_at
            from public.contact_messages as n
            where n.contact_id = c.id and s.current_stage = 'generating'
            order by n.said_at desc
            limit 20
        ) as m
    ) as h on true
    left join lateral (
        select jsonb_agg(jsonb_build_object('by', 'page', 'text', '', 'at', m.started_at, 'id', m.facebook_message_id)) as said
        from public.messages_of_other_tries(s.id) as m
        where p_stage = 'sending'
    ) as o on true
    where s.id = any(v_ids)
    order by s.due_at, s.id;
end;
$$;

comment on function public.claim_contacts(text, text, integer, integer, jsonb) is
'Hands up to p_limit due contacts to one worker: queued become checking, eligible become generating, ready_to_send become sending with an attempt written first; from sending it hands out those whose lease has expired, to be settled, with the messages in the conversation that other tries are known to be. Of those that are only checked nothing else is told. Each comes with a new lease token that every later write must show. p_in_hand is what the worker writes or sends already ({rules: {id: contacts}}), which counts in the shares, and how many more it wants of a page by Facebook''s id or of a model ({rooms: {key: contacts}, room: of any other}); without it, as older workers call it, the places of this claim alone are shared.';
