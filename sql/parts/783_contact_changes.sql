-- What an owner does to contacts: tags, opting out and back, deleting.

create or replace function public.checked_contact_action(p_action text, p_tag text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_tag text := nullif(lower(btrim(p_tag)), '');
begin
    if p_action is null or p_action not in ('add_tag', 'remove_tag', 'opt_out', 'lift_opt_out', 'delete') then
        raise exception 'Contacts can be tagged, opted out and back, and deleted, nothing else.' using errcode = '22023';
    end if;
    if p_action not in ('add_tag', 'remove_tag') then
        return null;
    end if;
    if v_tag is null then
        raise exception 'Say which tag.' using errcode = '22023';
    end if;
    if length(v_tag) > 100 then
        raise exception 'A tag has at most 100 characters.' using errcode = '22023';
    end if;
    -- A comma parts tags in a file. One from before that was so can still be taken away.
    if p_action = 'add_tag' and strpos(v_tag, ',') > 0 then
        raise exception 'One tag at a time, without a comma.' using errcode = '22023';
    end if;
    return v_tag;
end;
$$;

comment on function public.checked_contact_action(text, text) is 'The tag as it is stored, null for an action without one; refuses what cannot be done.';

create or replace function public.delete_contacts(p_contact_ids uuid[])
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_ids uuid[] := array(
        select c.id from public.contacts as c
        where c.id = any(p_contact_ids) and c.user_id = (select auth.uid())
    );
    v_waiting uuid[] := public.forget_contacts(v_ids);
begin
    -- To whom a message is under way: opted out already, and gone within a minute.
    if v_waiting <> '{}' then
        insert into public.contact_deletions (code, contact_ids, resolved_at)
        values ('owner-' || gen_random_uuid(), v_waiting, now());
    end if;
    return cardinality(v_ids);
end;
$$;

comment on function public.delete_contacts(uuid[]) is 'delete_contact for many of the caller''s, without its line in the audit; says how many.';

create or replace function public.change_contacts(p_contact_ids uuid[], p_action text, p_tag text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_tag text := public.checked_contact_action(p_action, p_tag);
    v_changed integer;
begin
    if cardinality(p_contact_ids) > 1000 then
        raise exception 'At most 1000 contacts are changed at once.' using errcode = '22023';
    end if;
    if p_action = 'delete' then
        v_changed := public.delete_contacts(p_contact_ids);
    else
        -- States before contacts, as everybody takes them: an opt-out ends sequences, and so takes their states.
        perform 1
        from public.ai_automation_contact_states as s
        inner join public.contacts as c on c.id = s.contact_id
        where s.contact_id = any(p_contact_ids) and c.user_id = (select auth.uid()) and p_action in ('opt_out', 'lift_opt_out')
        order by s.id
        for no key update of s;
        with chosen as materialized (
            select c.id
            from public.contacts as c
            where
                c.id = any(p_contact_ids) and c.user_id = (select auth.uid())
                -- The same as in preview_contact_bulk; a function of its own would make a million contacts ten seconds.
                and case p_action
                    when 'add_tag' then not c.tags @> array[v_tag] and cardinality(c.tags) < 100
                    when 'remove_tag' then c.tags @> array[v_tag]
                    when 'opt_out' then c.opted_out_at is null
                    -- What contacts said themselves, only they can take back.
                    when 'lift_opt_out' then c.opted_out_by = 'owner' and c.opted_out_at is not null
                    else true
                end
            -- In one order, so that two people who press at once wait for each other and for nobody in a circle.
            order by c.id
            for update
        )

        update public.contacts as c
        set
            tags = case p_action
                when 'add_tag' then c.tags || v_tag
                when 'remove_tag' then array_remove(c.tags, v_tag)
                else c.tags
            end,
            opted_out_at = case p_action when 'opt_out' then now() when 'lift_opt_out' then null else c.opted_out_at end,
            opted_out_by = case p_action when 'opt_out' then 'owner' when 'lift_opt_out' then null else c.opted_out_by end
        from chosen as h
        where c.id = h.id;
        get diagnostics v_changed = row_count;
    end if;
    -- A bulk action has its own line, for all its batches.
    if coalesce(current_setting('stagelight.bulk', true), '') <> 'yes' then
        insert into public.ai_automation_audit (user_id, action, affected)
        values ((select auth.uid()), 'contacts_' || p_action, v_changed);
    end if;
    return jsonb_build_object('changed', v_changed);
end;
$$;

comment on function public.change_contacts(uuid[], text, text) is
'Adds or removes a tag, opts out, lifts an opt-out that the owner set, or deletes (see delete_contact), of at most 1000 of the caller''s contacts; says how many it changed.';

revoke execute on function
public.checked_contact_action(text, text), public.delete_contacts(uuid[]), public.change_contacts(uuid[], text, text)
from public, anon, authenticated, service_role;
grant execute on function public.change_contacts(uuid[], text, text) to authenticated;
