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

create or replace function public.stamp_contact()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.tags := public.normalize_tags(new.tags);
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

create or replace trigger stamp_contact
before insert or update on public.contacts
for each row execute function public.stamp_contact();

create or replace function public.stamp_rule()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.include_tags := public.normalize_tags(new.include_tags);
    new.exclude_tags := public.normalize_tags(new.exclude_tags);
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
