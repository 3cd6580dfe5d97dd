-- Run once, as the owner of the data. Afterwards every task gets a role of its own that sees one patient's rows.

create schema if not exists ostiary;

-- Which subject a role may see. Only the gateway's administrator writes here; nobody else reads it.
create table if not exists ostiary.task_scope (
  role_name text primary key,
  subject text not null
);
revoke all on schema ostiary from public;
revoke all on ostiary.task_scope from public;

-- `session_user` is who logged in: SET ROLE and SET SESSION AUTHORIZATION do not change it for an ordinary role.
-- A custom setting instead would be no boundary, since the role could set it.
create or replace function ostiary.subject() returns text
  language sql stable security definer set search_path = ostiary, pg_temp
  as $$ select subject from ostiary.task_scope where role_name = session_user $$;
revoke all on function ostiary.subject() from public;

-- The rights that every task's role inherits.
create role patient_reader nologin;
grant usage on schema ostiary to patient_reader;
grant execute on function ostiary.subject() to patient_reader;

-- An example of clinical data.
create table if not exists observations (
  patient text not null,
  code text not null,
  value text not null
);
alter table observations enable row level security;
alter table observations force row level security;
create policy one_patient on observations for select to patient_reader
  using (patient = (select ostiary.subject()));
grant select on observations to patient_reader;
