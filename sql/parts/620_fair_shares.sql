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
-- another; who wants less than its share leaves the rest to the others. Who has one page comes before who has many, so
-- that rounding up takes nothing from the small. Planned each time: a generic plan cannot know the partial index.
create or replace function public.pick_fairly(p_stage public.automation_stage, p_limit integer)
returns setof bigint
language plpgsql
set search_path = ''
set plan_cache_mode = 'force_custom_plan'
as $$
declare
    v_pages uuid[];
    v_weights double precision[];
    v_total double precision;
    v_left integer := p_limit;
    v_picked bigint[] := '{}';
    v_new bigint[];
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

    while cardinality(v_pages) > 0 and v_left > 0 loop
        select sum(w.weight) into v_total from unnest(v_weights) as w (weight);
        with taken as materialized (
            select d.id, g.page_id, g.weight, g.turn, g.share
            from (
                select u.page_id, u.weight, u.turn, ceil(v_left * u.weight / v_total - 1e-9)::bigint as share
                from unnest(v_pages, v_weights) with ordinality as u (page_id, weight, turn)
            ) as g
            inner join public.facebook_pages as p on p.id = g.page_id
            cross join lateral (
                select s.id
                from public.ai_automation_contact_states as s
                where
                    s.current_stage = p_stage and s.user_id = p.user_id and s.page_id = g.page_id and s.due_at <= now()
                    and s.id <> all(v_picked)
                    -- Those are not written to beside others: pick_to_write.
                    and (p_stage <> 'eligible' or s.times_lost = 0)
                order by s.due_at, s.id
                limit g.share
                for no key update skip locked
            ) as d
            order by g.turn
            limit v_left
        ),

        filled as (
            select k.page_id, k.weight, k.turn
            from taken as k
            group by k.page_id, k.weight, k.turn, k.share
            having count(*) = k.share
        )

        select
            (select array_agg(k.id) from taken as k),
            (select array_agg(f.page_id order by f.turn) from filled as f),
            (select array_agg(f.weight order by f.turn) from filled as f)
        into v_new, v_pages, v_weights;
        v_picked := v_picked || v_new;
        v_left := p_limit - cardinality(v_picked);
    end loop;
    return query select unnest(v_picked);
end;
$$;

comment on function public.pick_fairly(public.automation_stage, integer) is
'Locks due contacts of a stage: the same number for every owner who has so many, shared between their pages, the oldest of each first.';

revoke execute on function public.has_one_to_try(uuid, uuid) from public, anon, authenticated, service_role;
grant execute on function public.has_one_to_try(uuid, uuid) to service_role;
