-- What is kept true of contacts and automations at every write: tags in one spelling, and when a change last mattered.

create or replace function public.normalize_tags(p_tags text[])
returns text[]
language sql
immutable
set search_path = ''
as $$
    select array(
        select distinct lower(btrim(t.tag))
        from unnest(p_tags) as t (tag)
        where btrim(t.tag) <> ''
        order by lower(btrim(t.tag))
    );
$$;

comment on function public.normalize_tags(text[]) is 'Tags trimmed, in lower case, each once: VIP and vip are one tag.';

create or replace function public.check_tags(p_tags text[])
returns text[]
language plpgsql
immutable
set search_path = ''
as $$
begin
    if exists (select 1 from unnest(p_tags) as t (tag) where length(t.tag) > 100) then
        raise exception 'A tag is longer than 100 characters.' using errcode = '22001';
    end if;
    return public.normalize_tags(p_tags);
end;
$$;

comment on function public.check_tags(text[]) is 'normalize_tags for what a person gives; refuses a tag of more than 100 characters.';

create or replace function public.stamp_contact()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    -- What has not changed is not looked at again: a worker's write must never fail for an old tag.
    if tg_op = 'INSERT' or new.tags is distinct from old.tags then
        new.tags := public.check_tags(new.tags);
    end if;
    if
        tg_op = 'UPDATE'
        and (new.tags, new.time_zone, new.opted_out_at, new.last_inbound_at)
        is distinct from (old.tags, old.time_zone, old.opted_out_at, old.last_inbound_at)
    then
        new.updated_at := now();
    end if;
    return new;
end;
$$;

comment on function public.stamp_contact() is 'Notes when a contact last changed in a way that the rules look at; skipped contacts are then checked again.';

-- Only where one of these is written: that a message went out (last_outbound_at) is nothing that the rules wait for.
create or replace trigger stamp_contact
before insert or update of tags, time_zone, opted_out_at, last_inbound_at on public.contacts
for each row execute function public.stamp_contact();

create or replace function public.stamp_rule()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if tg_op = 'INSERT' or (new.include_tags, new.exclude_tags) is distinct from (old.include_tags, old.exclude_tags) then
        new.include_tags := public.check_tags(new.include_tags);
        new.exclude_tags := public.check_tags(new.exclude_tags);
    end if;
    if tg_op = 'UPDATE' and new.next_run_at is not distinct from old.next_run_at then
        new.updated_at := now();
    end if;
    return new;
end;
$$;

comment on function public.stamp_rule() is 'Notes when an automation last changed, other than by its schedule; skipped contacts are then checked again.';

create or replace trigger stamp_rule
before insert or update on public.ai_automation_rules
for each row execute function public.stamp_rule();

revoke execute on function public.check_tags(text[]) from public, anon, authenticated, service_role;
grant execute on function public.check_tags(text[]) to authenticated, service_role;
