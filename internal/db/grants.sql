-- The rights that uzerp-mfa needs on uzERP's database, column by column, and no others. Run this in that database as
-- the tables' owner or a superuser. Where uzERP's tables are in another schema, write its name instead of public.
-- Then give the role a password: \password ROLE
create role ROLE login;
do $$ begin
    execute pg_catalog.format('grant connect on database %I to %I', pg_catalog.current_database(), NAME_AS_TEXT);
end $$;
grant usage on schema public to ROLE;

-- identity: who the users are, and the four columns of their second factor
grant select (username, person_id, email, access_enabled, last_login, uuid, mfa_sid, mfa_enrolled, mfa_enabled),
    update (uuid, mfa_sid, mfa_enrolled, mfa_enabled)
    on public.users to ROLE;

-- who the person behind a user is: name, employer, day of leaving, and the phone numbers on file
-- (a number is believed only if nothing on the way to it was changed lately: when, and by whom)
grant select (id, firstname, surname, company_id, party_id, end_date, created, lastupdated, alteredby) on public.person to ROLE;
grant select (id, name) on public.company to ROLE;
grant select (id, party_id, contactmethod_id, type, main, created, createdby, lastupdated, alteredby) on public.party_contact_methods to ROLE;
grant select (id, contact, created, createdby, lastupdated, alteredby) on public.contact_methods to ROLE;

-- whether the user may log in to any company in uzERP, which company they logged in to last, and whether it is closed
grant select (lastcompanylogin) on public.users to ROLE;
grant select (username, usercompanyid, enabled) on public.user_company_access to ROLE;
grant select (id, company_id, enabled, access_enabled) on public.system_companies to ROLE;

-- switching two-factor login on and off; leave these out for a role that should only help users
grant select (id, name, category, class_name, usercompanyid),
    insert (name, category, class_name, usercompanyid),
    update (class_name)
    on public.injector_classes to ROLE;
grant usage on sequence public.injector_classes_id_seq to ROLE;
