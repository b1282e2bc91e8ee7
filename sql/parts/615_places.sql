-- What a worker has in hand when it claims, and how many more it wants of a page or of a model (decision 0056).

create index if not exists ai_automation_rules_model_idx on public.ai_automation_rules (model) where enabled;
comment on index public.ai_automation_rules_model_idx is 'Serves rooms_apart: whether automations that are on want more than one model.';

-- Where there is one page or one model, nobody can come whom it would hold up, and keeping places free would help nobody:
-- then only what a provider in trouble may be given counts.
create or replace function public.rooms_apart(p_stage public.automation_stage, p_in_hand jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_least text;
    v_most text;
begin
    if p_in_hand -> 'rooms' is null then
        return null;
    end if;
    if p_stage = 'eligible' then
        select min(r.model), max(r.model) into v_least, v_most from public.ai_automation_rules as r where r.enabled;
    else
        select min(p.facebook_page_id), max(p.facebook_page_id) into v_least, v_most
        from public.facebook_pages as p
        where p.disconnected_at is null;
    end if;
    return case
        when v_least <> v_most then p_in_hand
        when p_in_hand -> 'alone' <> '{}' then jsonb_build_object('rooms', p_in_hand -> 'alone')
    end;
end;
$$;

comment on function public.rooms_apart(public.automation_stage, jsonb) is
'What a worker said of its rooms ({rooms, room}), where there is more than one model (eligible) or page (ready_to_send); else what it said of a provider in trouble, or null.';

create or replace function public.hands_by_page(p_in_hand jsonb)
returns table (page_id uuid, user_id uuid, contacts bigint)
language sql
stable
set search_path = ''
as $$
    select r.page_id, r.user_id, sum(h.value::integer)
    from jsonb_each_text(p_in_hand -> 'rules') as h
    inner join public.ai_automation_rules as r on r.id = h.key::uuid
    group by r.page_id, r.user_id;
$$;

comment on function public.hands_by_page(jsonb) is 'How many contacts of each page a worker has in hand, by what it said of its automations.';

-- What an owner holds with pages where nobody waits counts with those where somebody does.
create or replace function public.hands_of_pages(p_in_hand jsonb, p_pages uuid[], p_weights double precision[])
returns double precision[]
language sql
stable
set search_path = ''
as $$
    with hand as materialized (select h.page_id, h.user_id, h.contacts from public.hands_by_page(p_in_hand) as h)

    select array_agg(coalesce(h.contacts, 0) + u.weight * coalesce(e.contacts, 0) order by u.place)
    from unnest(p_pages, p_weights) with ordinality as u (page_id, weight, place)
    inner join public.facebook_pages as p on p.id = u.page_id
    left join hand as h on h.page_id = u.page_id
    left join (
        select o.user_id, sum(o.contacts) as contacts from hand as o where o.page_id <> all(p_pages) group by o.user_id
    ) as e on e.user_id = p.user_id;
$$;

comment on function public.hands_of_pages(jsonb, uuid[], double precision[]) is
'What a worker has in hand of each of the pages, in their order; p_weights is one divided by how many of the pages are of the same owner.';

create or replace function public.rules_without_room(p_rooms jsonb, p_pages uuid[])
returns uuid[]
language sql
stable
set search_path = ''
as $$
    select array_agg(r.id)
    from public.ai_automation_rules as r
    where
        r.page_id = any(p_pages)
        and r.model = any(array(select k.key from jsonb_each_text(p_rooms -> 'rooms') as k where k.value::integer <= 0));
$$;

comment on function public.rules_without_room(jsonb, uuid[]) is 'Automations of these pages whose model gets no more contacts now; null when there are none.';

-- By rule, or a page would be read through whose many contacts all want a model that gets none.
create or replace function public.due_with_other_rules(p_page_id uuid, p_rules uuid[], p_but bigint[], p_limit bigint)
returns setof bigint
language sql
set search_path = ''
as $$
    select d.id
    from public.ai_automation_rules as r
    cross join lateral (
        select s.id, s.due_at
        from public.ai_automation_contact_states as s
        where
            s.rule_id = r.id and s.stage_rank = 4 and s.current_stage = 'eligible' and s.due_at <= now() and s.times_lost = 0
            and s.id <> all(p_but)
        order by s.stage_entered_at
        limit p_limit
        for no key update skip locked
    ) as d
    where r.page_id = p_page_id and r.id <> all(p_rules)
    order by d.due_at, d.id
    limit p_limit;
$$;

comment on function public.due_with_other_rules(uuid, uuid[], bigint[], bigint) is
'Locks contacts of a page to be written to, of other automations than p_rules and not among p_but, about the oldest first.';

create or replace function public.keep_to_rooms(p_ids bigint[], p_rooms jsonb)
returns table (ids bigint[], rooms jsonb)
language sql
stable
set search_path = ''
as $$
    with picked as materialized (
        select
            s.id, r.model, coalesce((p_rooms -> 'rooms' ->> r.model)::integer, (p_rooms ->> 'room')::integer) as room,
            row_number() over (partition by r.model order by s.due_at, s.id) as place
        from public.ai_automation_contact_states as s
        inner join public.ai_automation_rules as r on r.id = s.rule_id
        where s.id = any(p_ids)
    )

    select
        (select array_agg(k.id) from picked as k where k.place <= coalesce(k.room, k.place)),
        jsonb_set(p_rooms, '{rooms}', (p_rooms -> 'rooms') || coalesce((
            select jsonb_object_agg(m.model, greatest(m.room - m.contacts, 0))
            from (select k.model, k.room, count(*) as contacts from picked as k group by k.model, k.room) as m
            where m.room is not null
        ), '{}'));
$$;

comment on function public.keep_to_rooms(bigint[], jsonb) is
'Of contacts to be written to, as many as there is room for with their models, the oldest first, and what room is left.';

revoke execute on function
public.rooms_apart(public.automation_stage, jsonb),
public.hands_by_page(jsonb),
public.hands_of_pages(jsonb, uuid[], double precision[]),
public.rules_without_room(jsonb, uuid[]),
public.due_with_other_rules(uuid, uuid[], bigint[], bigint),
public.keep_to_rooms(bigint[], jsonb)
from public, anon, authenticated, service_role;
grant execute on function
public.rooms_apart(public.automation_stage, jsonb),
public.hands_by_page(jsonb),
public.hands_of_pages(jsonb, uuid[], double precision[]),
public.rules_without_room(jsonb, uuid[]),
public.due_with_other_rules(uuid, uuid[], bigint[], bigint),
public.keep_to_rooms(bigint[], jsonb)
to service_role;
