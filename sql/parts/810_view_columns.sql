-- What the columns of the views mean, where the column they come from does not say it.

comment on column public.active_automation_contacts.state_id is 'Names the contact in this automation to every function.';
comment on column public.active_automation_contacts.rule_name is 'What the owner calls the automation.';
comment on column public.active_automation_contacts.seconds_in_stage is 'How long it has been in its stage.';
comment on column public.active_automation_contacts.tokens is 'Of prompt and answer together.';
comment on column public.active_automation_contacts.seconds_until_send is 'Until the message goes out; 0 once it is due.';
comment on column public.active_automation_contacts.lost is
'The worker that holds it has stopped answering; it is taken up again by itself.';
comment on column public.automation_stage_summary.rule_id is 'The automation; ask for one.';
comment on column public.automation_stage_summary.stage is 'Each of the ten, also when nobody is there.';
comment on column public.automation_stage_summary.position is '1 to 10, as the cards stand.';
comment on column public.automation_stage_summary.contacts is 'On the monitor now.';
comment on column public.automation_stage_summary.average_seconds is 'How long those have been there, on average; empty when nobody is.';
comment on column public.automation_stage_summary.oldest_seconds is 'How long the one that came first has been there.';
comment on column public.automation_stage_summary.passed_last_hour is 'How many left it within an hour.';
comment on column public.automation_stage_summary.mean_seconds_last_hour is 'How long those had stayed.';
comment on column public.automation_stage_summary.in_per_minute is
'How many came in this minute or in the one before, whichever were more.';
comment on column public.automation_stage_summary.out_per_minute is
'How many left in this minute or in the one before, whichever were more.';
comment on column public.automation_stage_summary.p50_seconds is 'Half of those that left had stayed no longer, within 10 %.';
comment on column public.automation_stage_summary.p95_seconds is '95 of 100 of those that left had stayed no longer, within 10 %.';
comment on column public.automation_live_stats.rule_id is 'The automation.';
comment on column public.automation_live_stats.rule_name is 'What the owner calls it.';
comment on column public.automation_live_stats.queued is 'Contacts on the monitor in this stage.';
comment on column public.automation_live_stats.checking is 'Contacts on the monitor in this stage.';
comment on column public.automation_live_stats.eligible is 'Contacts on the monitor in this stage.';
comment on column public.automation_live_stats.generating is 'Contacts on the monitor in this stage.';
comment on column public.automation_live_stats.ready_to_send is 'Contacts on the monitor in this stage.';
comment on column public.automation_live_stats.sending is 'Contacts on the monitor in this stage.';
comment on column public.automation_live_stats.sent is 'Contacts on the monitor in this stage.';
comment on column public.automation_live_stats.failed is 'Contacts on the monitor in this stage.';
comment on column public.automation_live_stats.skipped is 'Contacts on the monitor in this stage.';
comment on column public.automation_live_stats.completed is 'Contacts on the monitor in this stage.';
comment on column public.automation_live_stats.in_flight is 'queued to sending together.';
comment on column public.automation_live_stats.total is 'All ten together.';
comment on column public.automation_live_stats.sent_today is 'Messages accepted on the automation''s local day.';
comment on column public.automation_live_stats.last_run_at is 'When contacts were last queued.';
comment on column public.automation_candidates.rule_id is 'The automation; ask for one.';
comment on column public.automation_candidates.contact_id is 'Every contact of its page, tagged or not.';
comment on column public.automation_candidates.reason_code is 'ok, or the first reason not to write, as judge_contacts says it.';
comment on column public.automation_candidates.reason is 'The same in words.';
comment on column public.automation_candidates.next_check_at is 'When time alone may change the answer.';
comment on column public.automation_history.attempt_id is 'The try.';
comment on column public.automation_history.rule_name is 'What the owner calls the automation.';
