-- judge_contacts had a default of a row type, because of which PostgreSQL from 15.20 on lets no column with a default be added to
-- the rules. A default is only taken away with its function.

do $$
begin
    if exists (
        select from pg_catalog.pg_proc as p
        where p.oid = to_regprocedure('public.judge_contacts(uuid[], uuid[], timestamptz, public.ai_automation_rules)') and p.pronargdefaults > 0
    ) then
        drop function public.judge_contacts(uuid[], uuid[], timestamptz, public.ai_automation_rules);
    end if;
end;
$$;
