-- How the result of a step is written down: fenced, set-based, all or nothing per contact.

create or replace function public.record_outcomes(p_outcomes jsonb)
returns table (state_id bigint, recorded boolean, problem text)
language plpgsql
set search_path = ''
as $$
declare
    v_now timestamptz := now();
    v_attempts uuid[];
    v_oldest timestamptz;
    v_late bigint[];
    v_news jsonb;
    v_refused boolean;
begin
    -- The tries are named, with the oldest day they can be of, so that no plan looks through the days.
    select
        array_agg(h.attempt_id) || array_agg(h.named_attempt_id),
        least(min(h.attempt_started_at) filter (where h.current_stage = 'sending'), v_now - interval '2 days'),
        array_agg(h.id) filter (
            where
                h.to_stage = 'sent' and h.attempt_id = h.named_attempt_id and h.current_stage in ('sending', 'failed')
                and h.told_token is distinct from h.lease_token
        ),
        bool_or(h.current_stage = 'sending' and h.to_stage in ('ready_to_send', 'failed', 'skipped'))
    into v_attempts, v_oldest, v_late, v_refused
    from (
        select
            s.id, s.attempt_id, s.attempt_started_at, s.current_stage, s.lease_token,
            o.attempt_id as named_attempt_id, o.to_stage, o.lease_token as told_token
        from jsonb_to_recordset(p_outcomes) as o (state_id bigint, attempt_id uuid, to_stage text, lease_token uuid)
        inner join public.ai_automation_contact_states as s on s.id = o.state_id
        order by s.id
        for no key update of s
    ) as h;

    if p_outcomes @? '$[*] ? (@.from_thread == true)' then
        p_outcomes := public.doubt_taken_messages(p_outcomes);
    end if;

    -- Facebook's answer came after the contact was taken over. Whoever holds it now, and whatever was believed since, the
    -- message of this try is out, unless a person has decided about it meanwhile.
    if v_late is not null then
        select array_agg(s.id) into v_late
        from public.ai_automation_contact_states as s
        inner join public.ai_automation_attempts as a on a.id = s.attempt_id and a.started_at = s.attempt_started_at
        where s.id = any(v_late) and a.outcome in ('sending', 'unknown');
    end if;

    select jsonb_agg(jsonb_build_object(
        'page_id', s.page_id, 'reason', left(o.error_message, 2000), 'pause_seconds', o.pause_page_seconds, 'usage_percent', nullif(o.usage_percent, 0),
        'regain_seconds', nullif(o.regain_seconds, 0),
        'sent', o.to_stage = 'sent', 'started_at', s.attempt_started_at,
        -- A try that began with the token of before says nothing about the one that was saved since.
        'page_status', case when k.updated_at is null or k.updated_at <= s.attempt_started_at then o.page_status end
    )) into v_news
    from jsonb_to_recordset(p_outcomes) as o (
        state_id bigint, lease_token uuid, from_stage text, to_stage text, error_message text, page_status text,
        pause_page_seconds double precision, usage_percent real, regain_seconds double precision
    )
    inner join public.ai_automation_contact_states as s
        on s.id = o.state_id and s.lease_token = o.lease_token and s.current_stage = 'sending'
    inner join public.facebook_pages as p on p.id = s.page_id
    left join public.facebook_page_secrets as k on k.page_id = s.page_id
    where
        o.from_stage = 'sending'
        and (
            o.page_status is not null or o.pause_page_seconds > 0 or greatest(o.usage_percent, p.usage_percent) >= 75
            or (o.to_stage = 'sent' and (p.setbacks > 0 or p.status <> 'active'))
            -- The gauge of a page with room to spare, now and then.
            or (o.usage_percent > 0 and (p.usage_at is null or p.usage_at < now() - interval '5 minutes'))
        );
    if v_news is not null then
        perform public.record_page_news(v_news);
    end if;

    if v_refused and exists (select from public.facebook_events as e where e.done_at is null) then
        p_outcomes := public.believe_echoes(p_outcomes);
    end if;

    return query
    -- Whatever others said is cut to what a reader needs and an index can hold: no row may be refused for ever.
    with outcome as materialized (
        select
            o.state_id, o.lease_token, o.from_stage, o.to_stage, left(o.status_message, 500) as status_message,
            left(o.error_code, 100) as error_code, left(o.error_message, 2000) as error_message, left(o.error_hint, 500) as error_hint,
            o.generated_message, o.generation_time_ms, left(o.ai_model, 200) as ai_model, o.tokens_in, o.tokens_out,
            left(o.facebook_message_id, 200) as facebook_message_id, o.after_seconds, o.attempt_outcome,
            o.page_status, o.pause_page_seconds, o.usage_percent, o.counts, o.cost_usd, o.attempt_id, left(o.reason_code, 100) as reason_code
        from jsonb_to_recordset(p_outcomes) as o (
            state_id bigint, lease_token uuid, from_stage public.automation_stage, to_stage public.automation_stage,
            status_message text, error_code text, error_message text, error_hint text,
            generated_message text, generation_time_ms integer, ai_model text, tokens_in integer, tokens_out integer,
            facebook_message_id text, after_seconds double precision, attempt_outcome text,
            page_status text, pause_page_seconds double precision, usage_percent real, counts boolean, cost_usd numeric, attempt_id uuid,
            reason_code text
        )
    ),

    checked as materialized (
        select
            o.*, s.attempt_id as open_attempt_id, s.contact_id, s.user_id, s.page_id,
            -- Without a wait of its own an automation goes by its runs: nobody gets all follow-ups at once.
            coalesce(nullif(r.wait_minutes, 0), r.run_every_minutes) as wait_minutes,
            s.generated_message as stored_message,
            case when s.current_stage in ('sending', 'failed') then s.attempt_started_at end as started_at,
            case
                when k.is_mine is not true and k.is_late is not true then 'not_held'
                when m.from_stage is null and k.is_late is not true and (o.from_stage = 'sending' and o.to_stage = 'sending') is not true
                    then 'not_allowed'
                -- Of two that say different things of one contact, the one that knows the message is out is right.
                when
                    row_number() over (
                        partition by o.state_id
                        order by
                            coalesce(k.is_late or (k.is_mine and (m.from_stage is not null or o.to_stage = 'sending')), false) desc,
                            o.to_stage = 'sent' desc, o.to_stage, o.facebook_message_id, o.error_code
                    ) > 1
                    then 'not_held'
                when length(o.generated_message) > 20000 then 'too_long'
            end as problem
        from outcome as o
        left join public.ai_automation_contact_states as s on s.id = o.state_id
        left join public.ai_automation_rules as r on r.id = s.rule_id
        left join public.ai_automation_stage_moves as m on m.from_stage = o.from_stage and m.to_stage = o.to_stage
        cross join lateral (
            select
                -- A contact that nobody holds has no token, so none must not equal none.
                s.lease_token = o.lease_token and s.current_stage = o.from_stage as is_mine,
                s.id = any(v_late) and (o.from_stage, o.to_stage) = ('sending', 'sent') and o.attempt_id = s.attempt_id as is_late
        ) as k
    ),

    good as materialized (select c.* from checked as c where c.problem is null),

    moved as (
        update public.ai_automation_contact_states as s
        set
            current_stage = g.to_stage,
            status_message = coalesce(g.status_message, ''),
            -- Who is skipped has a reason and no error; what Facebook said stays with the try.
            reason_code = case when g.to_stage = 'skipped' then coalesce(g.reason_code, g.error_code) else s.reason_code end,
            error_code = case when g.to_stage <> 'skipped' then g.error_code end,
            error_message = case when g.to_stage <> 'skipped' then g.error_message end,
            error_hint = case when g.to_stage <> 'skipped' then g.error_hint end,
            generated_message = coalesce(g.generated_message, s.generated_message),
            -- Every answer of Google's is billed, that of a try that came to nothing as well.
            generation_time_ms = case
                when g.generation_time_ms is null then s.generation_time_ms else g.generation_time_ms + coalesce(s.generation_time_ms, 0)
            end,
            ai_model = coalesce(g.ai_model, s.ai_model),
            tokens_in = case when g.tokens_in is null then s.tokens_in else g.tokens_in + coalesce(s.tokens_in, 0) end,
            tokens_out = case when g.tokens_out is null then s.tokens_out else g.tokens_out + coalesce(s.tokens_out, 0) end,
            cost_usd = case when g.cost_usd is null then s.cost_usd else g.cost_usd + coalesce(s.cost_usd, 0) end,
            due_at = v_now + make_interval(secs => least(coalesce(g.after_seconds, 0), 172800)),
            next_send_at = case
                when g.to_stage = 'ready_to_send' then v_now + make_interval(secs => coalesce(g.after_seconds, 0))
            end,
            attempt = s.attempt + (
                g.error_code is not null and g.to_stage in ('eligible', 'ready_to_send') and coalesce(g.counts, true)
            )::int,
            -- The worker has outlived it, if it did anything with it.
            times_lost = case
                when g.error_code is null then 0
                when public.is_untouched(g.error_code) then s.times_lost
                else 0
            end,
            follow_up_count = s.follow_up_count + (g.to_stage = 'sent')::int,
            -- The moment of the call, not of its settling: a reply in between is a reply to this message.
            last_sent_at = case when g.to_stage = 'sent' then coalesce(g.started_at, v_now) else s.last_sent_at end,
            next_check_at = case
                when g.to_stage = 'sent' and s.follow_up_count + 1 < s.max_follow_ups
                    then coalesce(g.started_at, v_now) + make_interval(mins => g.wait_minutes)
            end,
            quota_day = case when g.to_stage in ('failed', 'skipped') and g.attempt_outcome is distinct from 'unknown' then null else s.quota_day end,
            lease_owner = null,
            lease_token = null,
            lease_expires_at = case when g.to_stage = 'sending' then v_now + make_interval(secs => coalesce(g.after_seconds, 0)) end
        from good as g
        where s.id = g.state_id
        returning s.id
    ),

    tried as (
        update public.ai_automation_attempts as a
        set
            outcome = g.attempt_outcome,
            facebook_message_id = coalesce(g.facebook_message_id, a.facebook_message_id),
            error_code = g.error_code,
            error_message = g.error_message,
            finished_at = case when g.to_stage <> 'sending' then v_now end
        from good as g
        where
            g.from_stage = 'sending' and a.id = g.open_attempt_id and a.started_at = g.started_at
            and a.outcome in ('sending', 'unknown')
        returning a.id
    ),

    -- Facebook's answer came after the contact was taken over: what it says of this try is true all the same.
    answered_late as (
        update public.ai_automation_attempts as a
        set
            outcome = case
                when a.outcome in ('sending', 'unknown') then 'sent'
                -- A person had it sent again because nobody knew; before the next try it is known, and there is none.
                when a.outcome = 'abandoned' and c.open_attempt_id = a.id then 'sent'
                else a.outcome
            end,
            facebook_message_id = c.facebook_message_id,
            finished_at = v_now
        from checked as c
        where
            c.problem = 'not_held' and c.to_stage = 'sent' and a.id = c.attempt_id
            and a.state_id = c.state_id and a.facebook_message_id is null
            and a.id = any(v_attempts) and a.started_at >= v_oldest
        returning a.id, a.state_id, a.started_at, a.outcome
    ),

    -- Of a contact that is on its way again it is the follow-up: the rules then say what comes next.
    counted_after_all as (
        update public.ai_automation_contact_states as s
        set follow_up_count = s.follow_up_count + 1, last_sent_at = a.started_at
        from answered_late as a
        where a.outcome = 'sent' and s.id = a.state_id and s.attempt_id = a.id and s.current_stage < 'sending'
        returning s.id
    ),

    opted_out as (
        update public.contacts as c
        set
            opted_out_at = coalesce(c.opted_out_at, v_now),
            opted_out_by = 'contact',
            opt_word_at = v_now,
            owner_opted_out_at = case when c.opted_out_by = 'owner' then c.opted_out_at else c.owner_opted_out_at end
        from good as g
        where g.error_code = 'opted_out' and c.id = g.contact_id
        returning c.id
    ),

    said as (
        insert into public.contact_messages (user_id, contact_id, direction, body, facebook_message_id, said_at)
        select g.user_id, g.contact_id, 'out', left(g.stored_message, 20000), g.facebook_message_id, coalesce(g.started_at, v_now)
        from good as g
        where g.to_stage = 'sent'
        on conflict do nothing
        returning id
    ),

    written_to as (
        update public.contacts as c
        set last_outbound_at = greatest(c.last_outbound_at, g.started_at, case when g.started_at is null then v_now end)
        from good as g
        where g.to_stage = 'sent' and c.id = g.contact_id
        returning c.id
    )

    select c.state_id, c.problem is null, c.problem from checked as c;
end;
$$;

comment on function public.record_outcomes(jsonb) is
'Writes the results of steps ([{state_id, lease_token, from_stage, to_stage, ...}]). A row whose lease is gone (not_held; that a message of the latest try was accepted counts all the same, and moves a contact from sending or failed to sent), whose move is not in the graph (not_allowed) or whose message has more than 20,000 characters (too_long) changes nothing and is reported; other texts are cut. to_stage sending from sending keeps an unknown outcome waiting to be settled.';
