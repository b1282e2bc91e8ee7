-- What `bench.days` leave behind in the per-minute rows: every tenth minute, and each of the last 75.

insert into public.ai_automation_stage_minutes (
    user_id, rule_id, stage, minute, bucket, shard, entered, passed, passed_seconds
)
select
    r.user_id, r.id, g.stage, date_trunc('minute', now()) - m.ago * interval '1 minute',
    b.way * (30 + m.ago % 12), m.ago % 3, (1 - b.way) * 3, b.way * 3, b.way * 40
from public.ai_automation_rules as r
cross join unnest(enum_range(null::public.automation_stage)) as g (stage)
cross join generate_series(0, 1) as b (way)
cross join generate_series(0, greatest(current_setting('bench.days')::int * 1440, 75) - 1) as m (ago)
where m.ago < 75 or m.ago % 10 = 0;

select public.make_history_days((now() at time zone 'UTC')::date - 31, (now() at time zone 'UTC')::date);
