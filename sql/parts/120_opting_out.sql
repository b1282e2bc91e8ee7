-- Who must not be written to: what opting out leaves on a contact, and what a deleted person leaves behind.

alter table public.contacts add column if not exists opted_out_by text;
alter table public.contacts add column if not exists opt_word_at timestamptz;
alter table public.contacts add column if not exists owner_opted_out_at timestamptz;
alter table public.contacts
drop constraint if exists contacts_opted_out_by_is_known,
add constraint contacts_opted_out_by_is_known check (opted_out_by in ('contact', 'owner'));

comment on column public.contacts.opted_out_by is
'contact: they said stop, and only their START lifts it; owner: the owner marked them, and may lift it. Empty together with opted_out_at; beside one, empty means contact.';
comment on column public.contacts.opt_word_at is 'When the newest STOP or START that we know of was said; an older one that comes late changes nothing.';
comment on column public.contacts.owner_opted_out_at is
'When the owner had marked them, of one who said stop afterwards: their START leaves them marked by the owner. Otherwise empty.';

-- The key is made here once and never leaves the database, so that a list of tombstones alone tells nobody's id.
create table if not exists public.contact_tombstone_keys (
    id boolean not null default true,
    secret_key bytea not null,
    constraint contact_tombstone_keys_pkey primary key (id),
    constraint contact_tombstone_keys_is_one check (id)
);

comment on table public.contact_tombstone_keys is 'One row: the key of the hashes in contact_tombstones. Nobody signed in, and no worker, can read it.';
comment on column public.contact_tombstone_keys.id is 'True; there is one row.';
comment on column public.contact_tombstone_keys.secret_key is 'Thirty-two bytes, made when this file was first run. Without it the tombstones recognise nobody.';

insert into public.contact_tombstone_keys (secret_key)
select sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'))
on conflict do nothing;

create table if not exists public.contact_tombstones (
    user_id uuid not null references auth.users (id) on delete cascade,
    person_hash text not null,
    said_stop boolean not null default false,
    deleted_at timestamptz not null default now(),
    constraint contact_tombstones_pkey primary key (user_id, person_hash)
);

comment on table public.contact_tombstones is
'A person who was deleted: no import and no sync brings them back, and a STOP of theirs is remembered. They come back by writing to the page.';
comment on column public.contact_tombstones.user_id is 'The owner who no longer holds anything about them.';
comment on column public.contact_tombstones.person_hash is 'Keyed hash of the page''s Facebook id and the person''s; nothing else is left.';
comment on column public.contact_tombstones.said_stop is 'They had opted out; if they write again, they still have.';
comment on column public.contact_tombstones.deleted_at is 'What was said before this moment stays unknown for good.';

drop policy if exists "nobody who signs in sees a tombstone" on public.contact_tombstones;
create policy "nobody who signs in sees a tombstone" on public.contact_tombstones
for select to authenticated using (false);
drop policy if exists "nobody who signs in sees the key" on public.contact_tombstone_keys;
create policy "nobody who signs in sees the key" on public.contact_tombstone_keys
for select to authenticated using (false);

create or replace function public.person_hash(p_facebook_page_id text, p_sender_id text)
returns text
language sql
stable
security definer
set search_path = ''
as $$
    select encode(
        sha256(k.secret_key || sha256(k.secret_key || convert_to(jsonb_build_array(p_facebook_page_id, p_sender_id)::text, 'UTF8'))),
        'hex'
    )
    from public.contact_tombstone_keys as k;
$$;

comment on function public.person_hash(text, text) is 'What contact_tombstones keeps of a person on a page.';

-- How a word is compared: "Arrêt !", "S.T.O.P", "İPTAL" and "إيقاف" are in the list, as arret, stop, iptal and ايقاف. Only the marks
-- of letters go that are the same word without them: vowels of Thai and Hindi, and the voicing of Japanese, stay.
create or replace function public.bare_word(p_text text)
returns text
language sql
immutable
set search_path = ''
as $$
    select normalize(
        translate(
            lower(regexp_replace(
                normalize(p_text, nfkd),
                '[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc]', '', 'g'
            )),
            -- Dotless i, barred d and l, o with a stroke, alef with wasla, alef that looks like yeh; the last one, tatweel, goes.
            E'\u0131\u0111\u0142\u00f8\u0671\u0649\u0640', E'idlo\u0627\u064a'
        ),
        nfc
    );
$$;

comment on function public.bare_word(text) is 'The text in small letters without accents, vowel signs of Arabic and Hebrew, hamza and tatweel.';

-- Every word here is a bare one. Those of which the accents make another word (đúng is "right") stand apart, as they are written.
create or replace function public.opt_word(p_text text)
returns text
language sql
immutable
set search_path = ''
as $$
    select case
        when public.bare_word(w.word) in ('start', 'unstop', 'optin', 'subscribe', 'resubscribe', 'старт', 'подписаться', 'підписатися') then 'start'
        when
            w.word in ('dừng', 'dừnglại', 'ngừng')
            or public.bare_word(w.word) in (
                'stop', 'stopall', 'unsubscribe', 'cancel', 'end', 'quit', 'optout', 'revoke', 'remove', 'td', 'stopp', 'abmelden',
                'stoppen', 'unsub', 'removeme', 'abbestellen', 'arret', 'arrete', 'arretez', 'arreter', 'desabonner', 'desinscrire', 'baja', 'alto', 'parar', 'cancelar', 'desuscribir', 'sair',
                'descadastrar', 'ferma', 'fermare', 'disiscrivimi', 'stopmessages', 'berhenti', 'hentikan', 'tigil', 'itigil', 'hinto',
                'ngung', 'huy', 'huydangky', 'iptal', 'durdur', 'wypisz', 'afmelden', 'uitschrijven', 'avsluta', 'avslutt', 'avregistrera', 'afmeld',
                'lopeta', 'dezabonare', 'leiratkozas', 'стоп', 'отписаться', 'відписатися', 'στοπ', 'διακοπη', 'توقف', 'ايقاف', 'اوقف', 'قف',
                'الغاء', 'الغاءالاشتراك', 'لغو', '停止', 'ストップ', '退订', '退訂', '取消订阅', '取消訂閱', '取消訂閲', '配信停止', '수신거부', '중지', '중단',
                'रोकें', 'बंदकरें', 'หยุด', 'ยกเลิก', 'בטל', 'הסר'
            )
            then 'stop'
    end
    from (
        -- What is no letter does not matter.
        select regexp_replace(
            lower(normalize(p_text, nfkc)),
            '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2000-\u206f\u2190-\u2bff\u3000-\u303f\ufe00-\ufe0f\U0001f000-\U0001faff]',
            '', 'g'
        ) as word
        where length(p_text) <= 100
    ) as w;
$$;

comment on function public.opt_word(text) is
'stop or start when the whole message is such a word, in any case, with or without accents and with any punctuation; otherwise null. A sentence that contains one is not.';
