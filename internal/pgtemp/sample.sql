-- A new installation (docs/facts/uzerp.md §1) with a few people. None of them has a working factor: those are made in
-- the emulator, by enrolling. The passwords are no valid hashes, so nobody can log in with them.

-- One company runs this uzERP. Carol works for another company, and Bob has no employer on file.
insert into company (id, name) values (1, 'Sample Ltd'), (2, 'Example Logistics Ltd');
insert into system_companies (id, company_id) values (1, 1);

insert into injector_classes (id, name, category, class_name, usercompanyid) values
    (2, 'TaxCalculation', 'SY', 'UKTaxCalculator', 1),
    (3, 'Redirection', 'SY', 'RedirectHandler', -1),
    (4, 'Translation', 'SY', 'FileReadingTranslator', -1),
    (5, 'AuthenticationGateway', 'SY', 'DatabaseAuthenticator', -1),
    (6, 'LoginHandler', 'SY', 'HTMLFormLoginHandler', -1),
    (7, 'CSV', 'RP', 'PSQL_CSV', 1);

insert into party (id, type, usercompanyid) values
    (1, 'Person', 1), (2, 'Person', 1), (3, 'Person', 1), (4, 'Person', 1);

insert into person (id, firstname, surname, company_id, party_id, end_date, usercompanyid) values
    (1, 'Alice', 'Archer', 1, 1, null, 1),
    (2, 'Bob', 'Baker', null, 2, null, 1),
    (3, 'Carol', 'Carter', 2, 3, null, 1),
    (4, 'Dave', 'Dyer', 1, 4, '2024-06-30', 1);

-- Numbers are free text in uzERP, and people write them in many ways. These numbers are from the ranges that Ofcom
-- reserves for films.
insert into contact_methods (id, contact, usercompanyid) values
    (1, '07700 900123', 1),
    (2, 'alice@example.com', 1),
    (3, '+44 (0)7700 900456', 1),
    (4, 'bob@example.com', 1),
    (5, '020 7946 0018', 1),
    (6, '07700-900789', 1);

insert into party_contact_methods (contactmethod_id, party_id, type, main, usercompanyid) values
    (1, 1, 'M', true, 1),
    (2, 1, 'E', true, 1),
    (3, 2, 'M', true, 1),
    (4, 2, 'E', true, 1),
    (5, 3, 'T', true, 1),
    (6, 4, 'M', true, 1);

-- All of that was entered years ago: a number that was changed lately verifies no caller.
update person set created = '2019-05-06 09:30:00', lastupdated = '2019-05-06 09:30:00', alteredby = 'admin';
update contact_methods set created = '2019-05-06 09:30:00', createdby = 'admin', lastupdated = '2019-05-06 09:30:00', alteredby = 'admin';
update party_contact_methods set created = '2019-05-06 09:30:00', createdby = 'admin', lastupdated = '2019-05-06 09:30:00', alteredby = 'admin';

insert into users (username, password, person_id, email, access_enabled, last_login, uuid, mfa_enrolled, mfa_enabled,
                   mfa_sid) values
    ('admin', '*', null, null, true, '2013-06-12 10:22:50', '11111111-1111-4111-8111-111111111111', false, false, null),
    ('alice', '*', 1, 'alice@example.com', true, '2026-03-02 08:59:11', '22222222-2222-4222-8222-222222222222', false, false, null),
    ('bob', '*', 2, 'bob@example.com', true, '2026-03-01 17:30:00', '33333333-3333-4333-8333-333333333333', null, null, null),
    ('carol', '*', 3, 'carol@example.com', true, null, '44444444-4444-4444-8444-444444444444', false, false, null),
    -- has left the company: may not log in
    ('dave', '*', 4, 'dave@example.com', false, '2024-06-28 16:01:45', '55555555-5555-4555-8555-555555555555', false, false, null),
    -- broken: a user without a uuid can't enroll
    ('erin', '*', null, 'erin@example.com', true, null, null, false, false, null),
    -- broken: enrolled, but without a factor
    ('frank', '*', null, null, true, '2025-11-11 11:11:11', '66666666-6666-4666-8666-666666666666', true, true, null),
    -- is not asked for a code at the next login; after that for one of a factor that Twilio doesn't know
    ('grace', '*', null, 'grace@example.com', true, '2026-02-28 07:45:00', '77777777-7777-4777-8777-777777777777', true, false,
     'YF00000000000000000000000000000077');

-- Without a person, uzERP takes the company only from here (docs/facts/uzerp.md §9).
update users set lastcompanylogin = 1 where last_login is not null or person_id is null;

insert into user_company_access (username, usercompanyid, enabled)
    select username, 1, true from users;

-- The rows above have fixed ids. The sequences must go on after them.
select setval(pg_get_serial_sequence('company', 'id'), (select max(id) from company));
select setval(pg_get_serial_sequence('system_companies', 'id'), (select max(id) from system_companies));
select setval(pg_get_serial_sequence('injector_classes', 'id'), (select max(id) from injector_classes));
select setval(pg_get_serial_sequence('party', 'id'), (select max(id) from party));
select setval(pg_get_serial_sequence('person', 'id'), (select max(id) from person));
select setval(pg_get_serial_sequence('contact_methods', 'id'), (select max(id) from contact_methods));
