-- What a search finds a contact by: words without capitals, accents and letters that only look fancy.

create or replace function public.folded(p_text text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
    -- Most names have none of it, and an index is kept by whoever writes the row.
    if octet_length(p_text) = length(p_text) then
        return lower(p_text);
    end if;
    -- Apart into letter and mark, without the marks of Latin, Greek, Cyrillic, Hebrew and Arabic, and together again: in
    -- other scripts a mark is a letter.
    return normalize(
        translate(
            replace(replace(replace(
                lower(regexp_replace(
                    normalize(p_text, nfkd),
                    '[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]', '', 'g'
                )), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'),
            'øłđħŧıþð', 'oldhtitd'
        ),
        nfkc
    );
end;
$$;

comment on function public.folded(text) is
'The text in lower case and without accents, as searches compare it: Jürgen Łódź as jurgen lodz, أحمد as احمد.';

-- A name's words and the sender_id, each behind the owner's mark: what begins with a word is found in any alphabet and
-- without an extension, and a search reads nobody else's part of the index.
create or replace function public.contact_words(p_user_id uuid, p_name text, p_sender_id text)
returns tsvector
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_text text := lower(p_name || ' ' || p_sender_id);
begin
    -- Asked here and not in folded, because a call more for every row costs more than the question.
    if octet_length(v_text) <> length(v_text) then
        v_text := public.folded(v_text);
    end if;
    return array_to_tsvector(array(
        select left(p_user_id::text, 8) || t.word
        from unnest(regexp_split_to_array(v_text, '[\s.,;:()"''/_-]+')) as t (word)
        where t.word <> ''
    ));
end;
$$;

comment on function public.contact_words(uuid, text, text) is
'What a search finds a contact by: the words of the name and the sender_id as folded writes them, each behind the first eight digits of its owner''s id.';

-- A function, because a planner takes a long word for a rare one; who comes here is known to fit often.
create or replace function public.has_words(p_name text, p_sender_id text, p_patterns text[])
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
    return case
        when octet_length(p_name) = length(p_name) then lower(p_name || ' ' || p_sender_id)
        else public.folded(p_name || ' ' || p_sender_id)
    end ~ all(p_patterns);
end;
$$;

comment on function public.has_words(text, text, text[]) is
'Whether every one of these patterns, made of folded words, is found in the name or the sender_id.';

create or replace function public.is_named(p_name text, p_folded_pattern text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
    return case when octet_length(p_name) = length(p_name) then lower(p_name) else public.folded(p_name) end like p_folded_pattern;
end;
$$;

comment on function public.is_named(text, text) is 'Whether a name, folded, fits a pattern for like that is folded too; for lists that look anywhere in a name.';

revoke execute on function
public.folded(text), public.contact_words(uuid, text, text), public.has_words(text, text, text[]), public.is_named(text, text)
from public, anon, authenticated, service_role;
-- An index is kept by whoever writes the row.
grant execute on function public.folded(text), public.contact_words(uuid, text, text) to authenticated, service_role;
grant execute on function public.is_named(text, text) to authenticated;
