-- Replies among the figures, and the turn that brings all of them up to date.

-- It did not know how far the tries are.
drop function if exists public.roll_up_replies(bigint[], timestamptz, timestamptz, bigint, bigint);

create or replace function public.roll_up_replies(
    p_states bigint[], p_oldest timestamptz, p_newest timestamptz, p_messages bigint, p_until bigint, p_tries_until timestamptz
)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_states bigint[];
    v_oldest timestamptz;
    v_newest timestamptz;
    v_figures public.automation_figure[];
begin
    select
        p_states || array_agg(s.id),
        least(min(m.said_at), p_oldest) - interval '7 days',
        greatest(max(m.said_at), p_newest) + interval '7 days'
    into v_states, v_oldest, v_newest
    from public.contact_messages as m
    inner join public.ai_automation_contact_states as s on s.contact_id = m.contact_id
    where m.id > p_messages and m.id <= p_until and m.direction = 'in';
    if coalesce(cardinality(v_states), 0) = 0 then
        return 0;
    end if;

    with tried as materialized (
        select
            a.id, a.user_id, a.rule_id, a.contact_id, a.state_id, a.follow_up, a.started_at, a.outcome,
            lead(a.started_at) over (partition by a.state_id order by a.started_at) as next_at
        from public.ai_automation_attempts as a
        where a.state_id = any(v_states) and a.started_at >= v_oldest and a.started_at <= v_newest
            and a.outcome in ('sent', 'sending', 'unknown')
    ),

    replied as (
        update public.ai_automation_follow_ups as f
        set replied_at = m.said_at
        from tried as t
        cross join lateral (
            select n.said_at from public.contact_messages as n
            where
                n.contact_id = t.contact_id and n.direction = 'in' and n.said_at > t.started_at
                and n.said_at < coalesce(t.next_at, 'infinity') and n.said_at <= t.started_at + interval '7 days'
            order by n.said_at
            limit 1
        ) as m
        where
            t.outcome = 'sent' and f.state_id = t.state_id and f.follow_up = t.follow_up and f.attempt_id = t.id
            and f.replied_at is null
            -- What is not among the figures as sent yet brings its contact here once it is.
            and t.started_at < p_tries_until
            and not exists (select from public.ai_automation_open_tries as o where o.attempt_id = t.id)
        returning t.user_id, t.rule_id, t.started_at, t.follow_up
    )

    select array_agg((r.user_id, r.rule_id, r.started_at, 'replied', '', r.follow_up, 1)::public.automation_figure)
    into v_figures
    from replied as r;
    perform public.add_figures(v_figures);
    return coalesce(cardinality(v_figures), 0);
end;
$$;

comment on function public.roll_up_replies(bigint[], timestamptz, timestamptz, bigint, bigint, timestamptz) is
'Adds replies to messages that are counted as sent (tries before p_tries_until), of these contacts and of those who wrote the messages after p_messages: the first thing a contact says within 7 days, before the next follow-up. Each message is replied to once.';

create or replace function public.roll_up(p_limit integer default 5000, p_now timestamptz default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_now timestamptz := coalesce(least(p_now, now()), now());
    v_mark public.ai_automation_roll_up_marks;
    v_moves_until timestamptz;
    v_tries jsonb;
    v_messages_until bigint;
    v_replies integer;
begin
    if not pg_try_advisory_xact_lock(20261122, 101) then
        return jsonb_build_object('busy', true);
    end if;
    insert into public.ai_automation_roll_up_marks (moves_until, tries_until, noted_at, coarse_until)
    values (
        date_trunc('hour', v_now, 'UTC') - interval '90 days', date_trunc('hour', v_now, 'UTC') - interval '90 days', v_now,
        (v_now at time zone 'UTC')::date - 100
    )
    on conflict do nothing;
    select m.* into v_mark from public.ai_automation_roll_up_marks as m;

    v_moves_until := public.roll_up_moves(v_mark.moves_until, v_now, p_limit);
    -- Tries up to where the moves are and no further: a message must not be sent among the figures before it was queued.
    v_tries := public.roll_up_tries(v_mark.tries_until, v_moves_until, v_mark.open_after, p_limit);
    v_messages_until := v_mark.messages_until;
    if v_mark.noted_at <= v_now - interval '20 seconds' then
        v_messages_until := coalesce(
            (
                select m.id from public.contact_messages as m
                where m.id > v_mark.messages_until and m.id <= v_mark.messages_noted
                order by m.id
                offset p_limit
                limit 1
            ), v_mark.messages_noted
        );
    end if;
    v_replies := public.roll_up_replies(
        array(select s.id::bigint from jsonb_array_elements_text(v_tries -> 'states') as s (id)), (v_tries ->> 'oldest')::timestamptz,
        (v_tries ->> 'newest')::timestamptz, v_mark.messages_until, v_messages_until,
        (v_tries ->> 'until')::timestamptz
    );

    update public.ai_automation_roll_up_marks as m
    set
        moves_until = v_moves_until,
        tries_until = (v_tries ->> 'until')::timestamptz,
        open_after = (v_tries ->> 'open_after')::uuid,
        messages_until = v_messages_until,
        messages_noted = case
            when v_messages_until = v_mark.messages_noted
                then greatest((select max(n.id) from public.contact_messages as n), v_mark.messages_noted)
            else v_mark.messages_noted
        end,
        noted_at = case when v_messages_until = v_mark.messages_noted then v_now else v_mark.noted_at end
    where m.only_one;
    return jsonb_build_object(
        'settled', jsonb_array_length(v_tries -> 'states'),
        'replies', v_replies,
        'more', v_moves_until < date_trunc('minute', v_now - interval '20 seconds')
        or (v_tries ->> 'until')::timestamptz < v_moves_until
        or v_messages_until < v_mark.messages_noted and v_mark.noted_at <= v_now - interval '20 seconds'
    );
end;
$$;

comment on function public.roll_up(integer, timestamptz) is
'Brings the figures up to date, 20 s behind now or an earlier p_now, with at most p_limit rows of each source in a call; more is true while there are others. Where another call is at it, it answers busy.';
