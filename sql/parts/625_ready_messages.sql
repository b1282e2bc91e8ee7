-- Whose written messages are handed to Facebook next.

-- As many per page as its rate allows; pages with few come first, so that what they leave goes to the others. As in
-- pick_fairly, what the worker has in hand counts. The page row is the lock that several workers share; of a page that
-- several owners have connected, the first row.
drop function if exists public.pick_ready_to_send(integer);
create or replace function public.pick_ready_to_send(p_limit integer, p_in_hand jsonb default null)
returns setof bigint
language plpgsql
set search_path = ''
as $$
declare
    v_page record;
    v_room integer;
    v_left integer := p_limit;
    v_places bigint;
    v_share bigint;
    v_picked bigint[];
    v_served uuid[] := '{}';
    v_rooms jsonb := public.rooms_apart('ready_to_send', p_in_hand);
    v_answers boolean := exists (select 1 from public.opt_confirmations as k where k.status = 'due' and k.due_at <= now());
begin
    for v_page in
        select
            p.id, p.user_id, row_number() over (order by d.contacts + coalesce(h.contacts, 0), random()) as place, count(*) over () as pages,
            (public.rows_of_page(p.id))[1] as first_id,
            coalesce(h.contacts, 0) as in_hand, p_limit + coalesce(sum(h.contacts) over (), 0) as places,
            w.contacts as wanted
        from public.facebook_pages as p
        cross join lateral (
            select count(*) as contacts
            from (
                select s.id from public.ai_automation_contact_states as s
                where s.current_stage = 'ready_to_send' and s.user_id = p.user_id and s.page_id = p.id and s.due_at <= now()
                limit p_limit
            ) as s
        ) as d
        left join public.hands_by_page(p_in_hand) as h on h.page_id = p.id
        cross join lateral (
            select coalesce((v_rooms -> 'rooms' ->> p.facebook_page_id)::integer, (v_rooms ->> 'room')::integer) as contacts
        ) as w
        where
            (p.paused_until is null or p.paused_until <= now()) and p.paused_at is null and d.contacts > 0
            and coalesce(w.contacts, 1) > 0
        order by place
    loop
        exit when v_left <= 0;
        v_places := coalesce(v_places, v_page.places);
        v_share := ceil(v_places::numeric / (v_page.pages - v_page.place + 1)) - v_page.in_hand;
        v_places := v_places - v_page.in_hand;
        -- What another owner's row of the page was given just now is in no book yet.
        continue when v_share <= 0 or v_page.first_id = any(v_served);
        perform 1
        from public.facebook_pages as p
        where p.id = v_page.id and (p.paused_until is null or p.paused_until <= now()) and p.paused_at is null
        for no key update skip locked;
        continue when not found;
        perform 1 from public.facebook_pages as p where p.id = v_page.first_id for no key update skip locked;
        continue when not found;
        v_room := public.page_room(v_page.id);
        -- Who said STOP is answered first.
        if v_answers then
            v_room := v_room - (select count(*) from public.due_confirmations() as d where d.page_id = v_page.id);
        end if;
        continue when v_room <= 0;
        select array_agg(picked.id) into v_picked
        from (
            select s.id
            from public.ai_automation_contact_states as s
            inner join public.ai_automation_rules as r on r.id = s.rule_id
            where
                s.current_stage = 'ready_to_send' and s.user_id = v_page.user_id and s.page_id = v_page.id and s.due_at <= now()
                and (not r.review_before_send or s.approved_at is not null)
            order by s.due_at, s.id
            limit least(v_room, v_left, v_share, v_page.wanted)
            for no key update of s skip locked
        ) as picked;
        v_left := v_left - coalesce(cardinality(v_picked), 0);
        v_places := v_places - coalesce(cardinality(v_picked), 0);
        if v_picked is not null then
            v_served := v_served || v_page.first_id;
        end if;
        return query select unnest(v_picked);
    end loop;
end;
$$;

comment on function public.pick_ready_to_send(integer, jsonb) is
'Locks due, written messages within each page''s rate, so that the pages come to the same number in the worker''s hands.';
