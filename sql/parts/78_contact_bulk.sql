-- What an owner does to all contacts that fit a filter: first the exact number, then exactly those contacts, batch by
-- batch, until done or stopped.

create table if not exists public.contact_bulk_actions (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null references auth.users (id) on delete cascade,
    action text not null,
    tag text,
    filter jsonb,
    contact_ids uuid[] not null,
    total integer not null,
    done integer not null default 0,
    changed integer not null default 0,
    created_at timestamptz not null default now(),
    ended_at timestamptz,
    constraint contact_bulk_actions_pkey primary key (id),
    constraint contact_bulk_actions_action_is_known check (action in ('add_tag', 'remove_tag', 'opt_out', 'lift_opt_out', 'delete')),
    constraint contact_bulk_actions_tag_is_named check ((tag is not null) = (action in ('add_tag', 'remove_tag'))),
    constraint contact_bulk_actions_counts_are_possible check (changed between 0 and done and done <= total)
);

create index if not exists contact_bulk_actions_owner_idx on public.contact_bulk_actions (user_id, created_at desc);

comment on table public.contact_bulk_actions is
'An owner''s wish for many contacts at once: which ones, counted before it began, and how far it has come.';
comment on column public.contact_bulk_actions.id is 'preview_contact_bulk returns it.';
comment on column public.contact_bulk_actions.user_id is 'Who pressed; the owner of the contacts.';
comment on column public.contact_bulk_actions.action is 'add_tag, remove_tag, opt_out, lift_opt_out or delete.';
comment on column public.contact_bulk_actions.tag is 'Which tag, where the action is about one.';
comment on column public.contact_bulk_actions.filter is 'The filter they were chosen by, of words only that there were some; empty where they were named. Stands in the audit too.';
comment on column public.contact_bulk_actions.contact_ids is 'The contacts that the preview counted; emptied when it has ended.';
comment on column public.contact_bulk_actions.total is 'How many the preview counted.';
comment on column public.contact_bulk_actions.done is 'How many of contact_ids were taken up, in their order.';
comment on column public.contact_bulk_actions.changed is 'Those of done for which it still changed something.';
comment on column public.contact_bulk_actions.created_at is 'When they were counted.';
comment on column public.contact_bulk_actions.ended_at is 'When the last was done, or a person stopped it.';
comment on index public.contact_bulk_actions_owner_idx is 'Serves row level security, previews that have run out, and the deletion of a person.';

alter table public.contact_bulk_actions add column if not exists touched_at timestamptz not null default now();
comment on column public.contact_bulk_actions.touched_at is 'When it went on last; an hour later it has run out.';
create index if not exists contact_bulk_actions_touched_idx on public.contact_bulk_actions (touched_at);
comment on index public.contact_bulk_actions_touched_idx is 'Serves forget_contact_bulks: what nobody goes on with.';

alter table public.contact_bulk_actions enable row level security;
revoke all on public.contact_bulk_actions from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.contact_bulk_actions to service_role;
grant select on public.contact_bulk_actions to authenticated;
drop policy if exists "owners see what they do to many contacts" on public.contact_bulk_actions;
create policy "owners see what they do to many contacts" on public.contact_bulk_actions
for select to authenticated using (user_id = (select auth.uid()));

create or replace function public.preview_contact_bulk(
    p_action text, p_tag text default null, p_filter jsonb default null, p_contact_ids uuid[] default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set statement_timeout = '2min'
as $$
declare
    v_user uuid := (select auth.uid());
    v_tag text := public.checked_contact_action(p_action, p_tag);
    v_meant uuid[] := p_contact_ids;
    v_ids uuid[];
    v_id uuid;
begin
    if (p_filter is null) = (p_contact_ids is null) then
        raise exception 'Say either which contacts or which filter.' using errcode = '22023';
    end if;
    if exists (
        select 1
        from unnest(p_contact_ids) as m (id)
        left join public.contacts as c on c.id = m.id and c.user_id = v_user
        where c.id is null
    ) then
        raise exception 'One of these contacts does not exist.' using errcode = 'PT404', hint = 'Load the list again.';
    end if;
    if p_filter is not null then
        v_meant := array(select f.id from public.find_contacts(v_user, p_filter, '', null, 10000000) as f (id));
    end if;
    v_ids := array(
        select c.id
        from unnest(v_meant) as m (id)
        inner join public.contacts as c on c.id = m.id
        where
            c.user_id = v_user
            and case p_action
                when 'add_tag' then not c.tags @> array[v_tag] and cardinality(c.tags) < 100
                when 'remove_tag' then c.tags @> array[v_tag]
                when 'opt_out' then c.opted_out_at is null
                -- What contacts said themselves, only they can take back.
                when 'lift_opt_out' then c.opted_out_by = 'owner' and c.opted_out_at is not null
                else true
            end
        order by c.id
    );
    insert into public.contact_bulk_actions (user_id, action, tag, filter, contact_ids, total)
    values (
        v_user, p_action, v_tag,
        -- Words may be a name, and the audit that gets this forgets nothing: only that there were some.
        case when p_filter is not null then (
            select coalesce(jsonb_object_agg(f.key, case f.key when 'q' then to_jsonb(true) else f.value end), '{}')
            from jsonb_each(p_filter) as f
            where f.key in ('page', 'tag', 'opted', 'window', 'q')
        ) end,
        v_ids, cardinality(v_ids)
    )
    returning id into v_id;
    return jsonb_build_object('id', v_id, 'action', p_action, 'tag', v_tag, 'total', cardinality(v_ids), 'others', cardinality(v_meant) - cardinality(v_ids));
end;
$$;

comment on function public.preview_contact_bulk(text, text, jsonb, uuid[]) is
'Counts the caller''s contacts that are named, or fit a filter of find_contacts, and that the action would change, and remembers exactly them; nothing is changed yet. Unused for an hour, it is forgotten.';

create or replace function public.advance_contact_bulk(p_id uuid, p_limit integer default 500)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_bulk public.contact_bulk_actions;
    v_changed integer;
    v_limit integer := least(greatest(coalesce(p_limit, 1), 1), 1000);
begin
    select b.* into v_bulk
    from public.contact_bulk_actions as b
    where b.id = p_id and b.user_id = (select auth.uid()) and b.touched_at > now() - interval '1 hour'
    for update;
    if not found then
        raise exception 'This preview has run out.' using errcode = 'PT404', hint = 'Ask for the number again.';
    end if;
    if v_bulk.ended_at is null then
        if v_bulk.done = 0 then
            insert into public.ai_automation_audit (user_id, action, affected, detail)
            values (
                v_bulk.user_id, 'contacts_' || v_bulk.action, v_bulk.total,
                jsonb_build_object('filter', v_bulk.filter, 'bulk_id', v_bulk.id)
            );
        end if;
        -- With each goes everything of theirs; a call has eight seconds on a hosted project.
        if v_bulk.action = 'delete' then
            v_limit := least(v_limit, 100);
        end if;
        perform set_config('stagelight.bulk', 'yes', true);
        v_changed := (
            public.change_contacts(v_bulk.contact_ids[v_bulk.done + 1 : v_bulk.done + v_limit], v_bulk.action, v_bulk.tag) ->> 'changed'
        )::integer;
        perform set_config('stagelight.bulk', '', true);
        update public.contact_bulk_actions as b
        set
            done = least(b.done + v_limit, b.total),
            changed = b.changed + v_changed,
            touched_at = now(),
            ended_at = case when b.done + v_limit >= b.total then now() end,
            contact_ids = case when b.done + v_limit >= b.total then '{}' else b.contact_ids end
        where b.id = p_id
        returning b.* into v_bulk;
    end if;
    return jsonb_build_object(
        'id', v_bulk.id, 'action', v_bulk.action, 'tag', v_bulk.tag, 'total', v_bulk.total, 'done', v_bulk.done,
        'changed', v_bulk.changed, 'ended', v_bulk.ended_at is not null
    );
end;
$$;

comment on function public.advance_contact_bulk(uuid, integer) is
'Does the next p_limit contacts of a preview (at most 1000, of deletions 100) and says how far it has come; after the last, or once stopped, it changes nothing.';

create or replace function public.stop_contact_bulk(p_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_bulk public.contact_bulk_actions;
begin
    update public.contact_bulk_actions as b
    set ended_at = coalesce(b.ended_at, now()), contact_ids = '{}'
    where b.id = p_id and b.user_id = (select auth.uid())
    returning b.* into v_bulk;
    if not found then
        raise exception 'This preview has run out.' using errcode = 'PT404';
    end if;
    if v_bulk.done between 1 and v_bulk.total - 1 then
        insert into public.ai_automation_audit (user_id, action, affected, detail)
        values (v_bulk.user_id, 'stop_contact_bulk', v_bulk.changed, jsonb_build_object('of', v_bulk.total));
    end if;
    return jsonb_build_object(
        'id', v_bulk.id, 'action', v_bulk.action, 'tag', v_bulk.tag, 'total', v_bulk.total, 'done', v_bulk.done,
        'changed', v_bulk.changed, 'ended', true
    );
end;
$$;

comment on function public.stop_contact_bulk(uuid) is 'Ends a bulk action on contacts where it is; what was done stays done.';

-- One that was left halfway has run out too: what it did stays told for a day, whom it meant is forgotten.
create or replace function public.forget_contact_bulks()
returns void
language sql
set search_path = ''
as $$
    delete from public.contact_bulk_actions as b
    where b.touched_at < now() - interval '1 hour' and (b.done = 0 or b.touched_at < now() - interval '1 day');
    update public.contact_bulk_actions as b
    set ended_at = now(), contact_ids = '{}'
    where b.ended_at is null and b.touched_at < now() - interval '1 hour';
$$;

comment on function public.forget_contact_bulks() is 'Called by maintain: removes previews that ran out, and a day later what was done.';

revoke execute on function
public.forget_contact_bulks(), public.preview_contact_bulk(text, text, jsonb, uuid[]),
public.advance_contact_bulk(uuid, integer), public.stop_contact_bulk(uuid)
from public, anon, authenticated, service_role;
grant execute on function
public.preview_contact_bulk(text, text, jsonb, uuid[]),
public.advance_contact_bulk(uuid, integer), public.stop_contact_bulk(uuid)
to authenticated;
