-- Whose contacts are taken up when there are more than a claim has places.

create or replace function public.has_one_to_try(p_user_id uuid, p_page_id uuid)
returns boolean
language sql
stable
set search_path = ''
as $$
    select exists (
        select 1
        from public.ai_automation_contact_states as s
        inner join public.ai_automation_rules as r on r.id = s.rule_id
        where
            s.current_stage = 'ready_to_send' and s.user_id = p_user_id and s.page_id = p_page_id
            and (not r.review_before_send or s.approved_at is not null)
    );
$$;

comment on function public.has_one_to_try(uuid, uuid) is
'Whether a message is written with which a stopped page can be tried again: then no other is written for it.';

-- Owner by owner, and page by page within each, so that ten contacts of one do not wait behind a hundred thousand of
-- another; who wants less than its share leaves the rest to the others. Shared is what the worker has in hand as well, or
-- its places would go, one by one, to whoever keeps them longest. Who has one page comes before who has many, so that
-- rounding up takes nothing from the small. Planned each time: a generic plan cannot know the partial index.
drop function if exists public.pick_fairly(public.automation_stage, integer);
create or replace function public.pick_fairly(p_stage public.automation_stage, p_limit integer, p_in_hand jsonb default null)
returns setof bigint
language plpgsql
set search_path = ''
set plan_cache_mode = 'force_custom_plan'
as $$
declare
    v_pages uuid[];
    v_weights double precision[];
    v_hands double precision[];
    v_total double precision;
    v_places double precision;
    v_left integer := p_limit;
    v_picked bigint[] := '{}';
    v_new bigint[];
    v_rooms jsonb := case when p_stage = 'eligible' then public.rooms_apart(p_stage, p_in_hand) end;
    v_barred uuid[];
begin
    with recursive place as (
        (
            select s.user_id, s.page_id from public.ai_automation_contact_states as s
            where s.current_stage = p_stage
            order by s.user_id, s.page_id
            limit 1
        )
        union all
        select n.user_id, n.page_id
        from place as b
        cross join lateral (
            select s.user_id, s.page_id from public.ai_automation_contact_states as s
            where s.current_stage = p_stage and (s.user_id, s.page_id) > (b.user_id, b.page_id)
            order by s.user_id, s.page_id
            limit 1
        ) as n
    ),

    page as (
        select p.id, 1.0 / count(*) over (partition by p.user_id) as weight, random() as turn
        from place
        inner join public.facebook_pages as p on p.id = place.page_id
        -- While Facebook has stopped or slowed a page its contacts stay where they are: none is given up for that.
        where
            (p.paused_until is null or p.paused_until <= now())
            and (
                p_stage <> 'eligible'
                or (
                    p.paused_at is null
                    -- A stopped page is tried again with one message; no others are written meanwhile.
                    and (p.status = 'active' or not public.has_one_to_try(p.user_id, p.id))
                )
            )
    )

    select array_agg(g.id order by g.weight desc, g.turn), array_agg(g.weight order by g.weight desc, g.turn)
    into v_pages, v_weights from page as g;

    if p_in_hand -> 'rules' <> '{}' then
        v_hands := public.hands_of_pages(p_in_hand, v_pages, v_weights);
    end if;

    while cardinality(v_pages) > 0 and v_left > 0 loop
        if v_rooms is not null then
            v_barred := public.rules_without_room(v_rooms, v_pages);
        end if;
        select sum(w.weight), v_left + coalesce(sum(w.hand), 0) into v_total, v_places
        from unnest(v_weights, v_hands) as w (weight, hand);
        with asking as materialized (
            select
                u.page_id, u.weight, coalesce(u.hand, 0) as hand, u.turn,
                greatest(ceil(v_places * u.weight / v_total - coalesce(u.hand, 0) - 1e-9), 0)::bigint as share
            from unnest(v_pages, v_weights, v_hands) with ordinality as u (page_id, weight, hand, turn)
        ),

        taken as materialized (
            select d.id, g.page_id
            from asking as g
            inner join public.facebook_pages as p on p.id = g.page_id
            cross join lateral (
                select o.id
                from (
                    select s.id
                    from public.ai_automation_contact_states as s
                    where
                        s.current_stage = p_stage and s.user_id = p.user_id and s.page_id = g.page_id and s.due_at <= now()
                        and s.id <> all(v_picked)
                        -- Those are not written to beside others: pick_to_write.
                        and (p_stage <> 'eligible' or s.times_lost = 0)
                        and v_barred is null
                    order by s.due_at, s.id
                    limit g.share
                    for no key update skip locked
                ) as o
                union all
                select b.state_id
                from public.due_with_other_rules(g.page_id, v_barred, v_picked, g.share) as b (state_id)
                where v_barred is not null
            ) as d
            order by g.turn
            limit v_left
        ),

        -- Who holds more than its share takes nothing yet, and is asked again for what the others leave.
        filled as (
            select g.page_id, g.weight, g.hand + count(k.id) as hand, g.turn
            from asking as g
            left join taken as k on k.page_id = g.page_id
            group by g.page_id, g.weight, g.hand, g.turn, g.share
            having count(k.id) = g.share
        )

        select
            (select array_agg(k.id) from taken as k),
            (select array_agg(f.page_id order by f.turn) from filled as f),
            (select array_agg(f.weight order by f.turn) from filled as f),
            (select array_agg(f.hand order by f.turn) from filled as f)
        into v_new, v_pages, v_weights, v_hands;
        if v_rooms is not null then
            select k.ids, k.rooms into v_new, v_rooms from public.keep_to_rooms(v_new, v_rooms) as k;
        end if;
        v_picked := v_picked || v_new;
        v_left := p_limit - cardinality(v_picked);
    end loop;
    return query select unnest(v_picked);
end;
$$;

comment on function public.pick_fairly(public.automation_stage, integer, jsonb) is
'Locks due contacts of a stage: so that every owner who has so many comes to the same number in the worker''s hands, shared between their pages, the oldest of each first.';

revoke execute on function public.has_one_to_try(uuid, uuid) from public, anon, authenticated, service_role;
grant execute on function public.has_one_to_try(uuid, uuid) to service_role;
