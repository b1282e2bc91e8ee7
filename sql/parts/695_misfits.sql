-- What cannot be a message to anybody, whoever wrote it: the same as find_misfit of pipeline/steps/text_checks.py. A test
-- gives both the same texts, and compares the signs below with Unicode's tables as Python has them.

create or replace function public.signs_of(p_kind text)
returns text
language sql
immutable
parallel safe
set search_path = ''
as $$
    select case p_kind
        -- Mn and Me: drawn on the letter before.
        when 'mark' then '\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670'
        || '\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u07a6-\u07b0\u07eb-\u07f3\u07fd\u0816-\u0819'
        || '\u081b-\u0823\u0825-\u0827\u0829-\u082d\u0859-\u085b\u0898-\u089f\u08ca-\u08e1\u08e3-\u0902\u093a\u093c\u0941-\u0948'
        || '\u094d\u0951-\u0957\u0962\u0963\u0981\u09bc\u09c1-\u09c4\u09cd\u09e2\u09e3\u09fe\u0a01\u0a02\u0a3c\u0a41\u0a42\u0a47'
        || '\u0a48\u0a4b-\u0a4d\u0a51\u0a70\u0a71\u0a75\u0a81\u0a82\u0abc\u0ac1-\u0ac5\u0ac7\u0ac8\u0acd\u0ae2\u0ae3\u0afa-\u0aff'
        || '\u0b01\u0b3c\u0b3f\u0b41-\u0b44\u0b4d\u0b55\u0b56\u0b62\u0b63\u0b82\u0bc0\u0bcd\u0c00\u0c04\u0c3c\u0c3e-\u0c40'
        || '\u0c46-\u0c48\u0c4a-\u0c4d\u0c55\u0c56\u0c62\u0c63\u0c81\u0cbc\u0cbf\u0cc6\u0ccc\u0ccd\u0ce2\u0ce3\u0d00\u0d01\u0d3b'
        || '\u0d3c\u0d41-\u0d44\u0d4d\u0d62\u0d63\u0d81\u0dca\u0dd2-\u0dd4\u0dd6\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1'
        || '\u0eb4-\u0ebc\u0ec8-\u0ecd\u0f18\u0f19\u0f35\u0f37\u0f39\u0f71-\u0f7e\u0f80-\u0f84\u0f86\u0f87\u0f8d-\u0f97'
        || '\u0f99-\u0fbc\u0fc6\u102d-\u1030\u1032-\u1037\u1039\u103a\u103d\u103e\u1058\u1059\u105e-\u1060\u1071-\u1074\u1082'
        || '\u1085\u1086\u108d\u109d\u135d-\u135f\u1712-\u1714\u1732\u1733\u1752\u1753\u1772\u1773\u17b4\u17b5\u17b7-\u17bd\u17c6'
        || '\u17c9-\u17d3\u17dd\u180b-\u180d\u180f\u1885\u1886\u18a9\u1920-\u1922\u1927\u1928\u1932\u1939-\u193b\u1a17\u1a18\u1a1b'
        || '\u1a56\u1a58-\u1a5e\u1a60\u1a62\u1a65-\u1a6c\u1a73-\u1a7c\u1a7f\u1ab0-\u1ace\u1b00-\u1b03\u1b34\u1b36-\u1b3a\u1b3c'
        || '\u1b42\u1b6b-\u1b73\u1b80\u1b81\u1ba2-\u1ba5\u1ba8\u1ba9\u1bab-\u1bad\u1be6\u1be8\u1be9\u1bed\u1bef-\u1bf1'
        || '\u1c2c-\u1c33\u1c36\u1c37\u1cd0-\u1cd2\u1cd4-\u1ce0\u1ce2-\u1ce8\u1ced\u1cf4\u1cf8\u1cf9\u1dc0-\u1dff\u20d0-\u20f0'
        || '\u2cef-\u2cf1\u2d7f\u2de0-\u2dff\u302a-\u302d\u3099\u309a\ua66f-\ua672\ua674-\ua67d\ua69e\ua69f\ua6f0\ua6f1\ua802'
        || '\ua806\ua80b\ua825\ua826\ua82c\ua8c4\ua8c5\ua8e0-\ua8f1\ua8ff\ua926-\ua92d\ua947-\ua951\ua980-\ua982\ua9b3'
        || '\ua9b6-\ua9b9\ua9bc\ua9bd\ua9e5\uaa29-\uaa2e\uaa31\uaa32\uaa35\uaa36\uaa43\uaa4c\uaa7c\uaab0\uaab2-\uaab4\uaab7\uaab8'
        || '\uaabe\uaabf\uaac1\uaaec\uaaed\uaaf6\uabe5\uabe8\uabed\ufb1e\ufe00-\ufe0f\ufe20-\ufe2f\U000101fd\U000102e0'
        || '\U00010376-\U0001037a\U00010a01-\U00010a03\U00010a05\U00010a06\U00010a0c-\U00010a0f\U00010a38-\U00010a3a\U00010a3f'
        || '\U00010ae5\U00010ae6\U00010d24-\U00010d27\U00010eab\U00010eac\U00010f46-\U00010f50\U00010f82-\U00010f85\U00011001'
        || '\U00011038-\U00011046\U00011070\U00011073\U00011074\U0001107f-\U00011081\U000110b3-\U000110b6\U000110b9\U000110ba'
        || '\U000110c2\U00011100-\U00011102\U00011127-\U0001112b\U0001112d-\U00011134\U00011173\U00011180\U00011181'
        || '\U000111b6-\U000111be\U000111c9-\U000111cc\U000111cf\U0001122f-\U00011231\U00011234\U00011236\U00011237\U0001123e'
        || '\U000112df\U000112e3-\U000112ea\U00011300\U00011301\U0001133b\U0001133c\U00011340\U00011366-\U0001136c'
        || '\U00011370-\U00011374\U00011438-\U0001143f\U00011442-\U00011444\U00011446\U0001145e\U000114b3-\U000114b8\U000114ba'
        || '\U000114bf\U000114c0\U000114c2\U000114c3\U000115b2-\U000115b5\U000115bc\U000115bd\U000115bf\U000115c0\U000115dc'
        || '\U000115dd\U00011633-\U0001163a\U0001163d\U0001163f\U00011640\U000116ab\U000116ad\U000116b0-\U000116b5\U000116b7'
        || '\U0001171d-\U0001171f\U00011722-\U00011725\U00011727-\U0001172b\U0001182f-\U00011837\U00011839\U0001183a\U0001193b'
        || '\U0001193c\U0001193e\U00011943\U000119d4-\U000119d7\U000119da\U000119db\U000119e0\U00011a01-\U00011a0a'
        || '\U00011a33-\U00011a38\U00011a3b-\U00011a3e\U00011a47\U00011a51-\U00011a56\U00011a59-\U00011a5b\U00011a8a-\U00011a96'
        || '\U00011a98\U00011a99\U00011c30-\U00011c36\U00011c38-\U00011c3d\U00011c3f\U00011c92-\U00011ca7\U00011caa-\U00011cb0'
        || '\U00011cb2\U00011cb3\U00011cb5\U00011cb6\U00011d31-\U00011d36\U00011d3a\U00011d3c\U00011d3d\U00011d3f-\U00011d45'
        || '\U00011d47\U00011d90\U00011d91\U00011d95\U00011d97\U00011ef3\U00011ef4\U00016af0-\U00016af4\U00016b30-\U00016b36'
        || '\U00016f4f\U00016f8f-\U00016f92\U00016fe4\U0001bc9d\U0001bc9e\U0001cf00-\U0001cf2d\U0001cf30-\U0001cf46'
        || '\U0001d167-\U0001d169\U0001d17b-\U0001d182\U0001d185-\U0001d18b\U0001d1aa-\U0001d1ad\U0001d242-\U0001d244'
        || '\U0001da00-\U0001da36\U0001da3b-\U0001da6c\U0001da75\U0001da84\U0001da9b-\U0001da9f\U0001daa1-\U0001daaf'
        || '\U0001e000-\U0001e006\U0001e008-\U0001e018\U0001e01b-\U0001e021\U0001e023\U0001e024\U0001e026-\U0001e02a'
        || '\U0001e130-\U0001e136\U0001e2ae\U0001e2ec-\U0001e2ef\U0001e8d0-\U0001e8d6\U0001e944-\U0001e94a\U000e0100-\U000e01ef'
        -- Cf: joiners, turns of direction; among marks they count as none.
        when 'format' then '\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f'
        || '\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U00013438\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001'
        || '\U000e0020-\U000e007f'
        -- What else is not seen: spaces, controls, vowels without a letter (Mc), letters that are drawn as nothing.
        when 'space' then '\u0001-\u0020\u007f-\u00a0\u0903\u093b\u093e-\u0940\u0949-\u094c\u094e\u094f\u0982\u0983\u09be-\u09c0\u09c7\u09c8'
        || '\u09cb\u09cc\u09d7\u0a03\u0a3e-\u0a40\u0a83\u0abe-\u0ac0\u0ac9\u0acb\u0acc\u0b02\u0b03\u0b3e\u0b40\u0b47\u0b48\u0b4b'
        || '\u0b4c\u0b57\u0bbe\u0bbf\u0bc1\u0bc2\u0bc6-\u0bc8\u0bca-\u0bcc\u0bd7\u0c01-\u0c03\u0c41-\u0c44\u0c82\u0c83\u0cbe'
        || '\u0cc0-\u0cc4\u0cc7\u0cc8\u0cca\u0ccb\u0cd5\u0cd6\u0d02\u0d03\u0d3e-\u0d40\u0d46-\u0d48\u0d4a-\u0d4c\u0d57\u0d82\u0d83'
        || '\u0dcf-\u0dd1\u0dd8-\u0ddf\u0df2\u0df3\u0f3e\u0f3f\u0f7f\u102b\u102c\u1031\u1038\u103b\u103c\u1056\u1057\u1062-\u1064'
        || '\u1067-\u106d\u1083\u1084\u1087-\u108c\u108f\u109a-\u109c\u115f\u1160\u1680\u1715\u1734\u17b6\u17be-\u17c5\u17c7\u17c8'
        || '\u1923-\u1926\u1929-\u192b\u1930\u1931\u1933-\u1938\u1a19\u1a1a\u1a55\u1a57\u1a61\u1a63\u1a64\u1a6d-\u1a72\u1b04\u1b35'
        || '\u1b3b\u1b3d-\u1b41\u1b43\u1b44\u1b82\u1ba1\u1ba6\u1ba7\u1baa\u1be7\u1bea-\u1bec\u1bee\u1bf2\u1bf3\u1c24-\u1c2b\u1c34'
        || '\u1c35\u1ce1\u1cf7\u2000-\u200a\u2028\u2029\u202f\u205f\u2065\u2800\u3000\u302e\u302f\u3164\ua823\ua824\ua827\ua880'
        || '\ua881\ua8b4-\ua8c3\ua952\ua953\ua983\ua9b4\ua9b5\ua9ba\ua9bb\ua9be-\ua9c0\uaa2f\uaa30\uaa33\uaa34\uaa4d\uaa7b\uaa7d'
        || '\uaaeb\uaaee\uaaef\uaaf5\uabe3\uabe4\uabe6\uabe7\uabe9\uabea\uabec\ue000-\uf8ff\uffa0\ufff0-\ufff8\U00011000\U00011002'
        || '\U00011082\U000110b0-\U000110b2\U000110b7\U000110b8\U0001112c\U00011145\U00011146\U00011182\U000111b3-\U000111b5'
        || '\U000111bf\U000111c0\U000111ce\U0001122c-\U0001122e\U00011232\U00011233\U00011235\U000112e0-\U000112e2\U00011302'
        || '\U00011303\U0001133e\U0001133f\U00011341-\U00011344\U00011347\U00011348\U0001134b-\U0001134d\U00011357\U00011362'
        || '\U00011363\U00011435-\U00011437\U00011440\U00011441\U00011445\U000114b0-\U000114b2\U000114b9\U000114bb-\U000114be'
        || '\U000114c1\U000115af-\U000115b1\U000115b8-\U000115bb\U000115be\U00011630-\U00011632\U0001163b\U0001163c\U0001163e'
        || '\U000116ac\U000116ae\U000116af\U000116b6\U00011720\U00011721\U00011726\U0001182c-\U0001182e\U00011838'
        || '\U00011930-\U00011935\U00011937\U00011938\U0001193d\U00011940\U00011942\U000119d1-\U000119d3\U000119dc-\U000119df'
        || '\U000119e4\U00011a39\U00011a57\U00011a58\U00011a97\U00011c2f\U00011c3e\U00011ca9\U00011cb1\U00011cb4'
        || '\U00011d8a-\U00011d8e\U00011d93\U00011d94\U00011d96\U00011ef5\U00011ef6\U00016f51-\U00016f87\U00016ff0\U00016ff1'
        || '\U0001d165\U0001d166\U0001d16d-\U0001d172\U000e0000\U000e0002-\U000e001f\U000e0080-\U000e00ff\U000e01f0-\U000e0fff'
        || '\U000f0000-\U000ffffd\U00100000-\U0010fffd'
    end;
$$;

comment on function public.signs_of(text) is
'Signs of Unicode for the brackets of a regular expression: mark (drawn on the letter before), format (joiners, turns of direction), space (whatever else is not seen).';

-- A turn of direction that is not ended on its line, or that runs letters backwards.
create or replace function public.is_turned(p_text text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
declare
    -- Only the turns, and the ends of lines: whoever writes one ends it before the next line.
    v_left text := regexp_replace(p_text, '[^\u202a-\u202e\u2066-\u2069\u000a-\u000d\u001c-\u001e\u0085\u2028\u2029]+', '', 'g');
    v_before text;
begin
    if v_left !~ '[\u202a-\u202e\u2066-\u2069]' then
        return false;
    end if;
    loop
        v_before := v_left;
        v_left := regexp_replace(v_left, '[\u202a\u202b\u202d]\u202c|[\u2066-\u2068]\u2069', '', 'g');
        exit when v_left = v_before;
    end loop;
    return v_left ~ '[\u202a-\u202e\u2066-\u2069]';
end;
$$;

comment on function public.is_turned(text) is 'Whether letters run backwards (U+202E), or a turn of direction is left open or ended without having begun.';

create or replace function public.length_of_message(p_text text)
returns integer
language sql
immutable
parallel safe
set search_path = ''
as $$
    select length(p_text) + length(regexp_replace(p_text, '[^\U00010000-\U0010ffff]+', '', 'g'));
$$;

comment on function public.length_of_message(text) is
'UTF-16 units: Meta does not say what a character is, and this counts most; an emoji is two or more.';

create or replace function public.misfit_of(p_text text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
    return case
        when
            p_text is null
            or (
                p_text !~ '[!-~]'
                and p_text !~ ('[^' || public.signs_of('mark') || public.signs_of('format') || public.signs_of('space') || ']')
            )
            then 'text_empty'
        when public.length_of_message(p_text) > 1990 then 'text_too_long'
        -- Plain letters need no further look.
        when octet_length(p_text) = length(p_text) then null
        when
            public.is_turned(p_text)
            or p_text ~ ('(?:[' || public.signs_of('mark') || '][' || public.signs_of('format') || ']*){7}')
            then 'text_garbled'
    end;
end;
$$;

comment on function public.misfit_of(text) is
'text_empty where nothing of it is seen, text_too_long beyond 1990 units, text_garbled where signs turn the writing around or more than six marks lie on one letter; null where it may be a message.';

create or replace function public.refuse_misfit(p_text text)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    case public.misfit_of(p_text)
        when 'text_empty' then
            raise exception 'Nothing of this message can be seen.'
            using errcode = '22023', hint = 'Write a text, or reject the message.';
        when 'text_too_long' then
            raise exception 'The message is too long for Messenger (% of 1990 characters).', public.length_of_message(p_text)
            using errcode = '22023', hint = 'Shorten it. An emoji counts as two characters or more.';
        when 'text_garbled' then
            raise exception 'The message has signs that turn the writing around, or heaps of marks on one letter.'
            using errcode = '22023', hint = 'Type those words anew: such signs come along when a text is copied.';
        else null;
    end case;
end;
$$;

comment on function public.refuse_misfit(text) is 'Raises, in words for the person who wrote it, when this cannot be a message.';

revoke execute on function
public.signs_of(text), public.is_turned(text), public.length_of_message(text), public.misfit_of(text), public.refuse_misfit(text)
from public, anon, authenticated, service_role;
