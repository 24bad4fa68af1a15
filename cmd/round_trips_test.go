package cmd_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"uzerp-mfa/internal/crashtest"
	"uzerp-mfa/internal/emulator"
)

// asked is what one run of the program asks for, by its name; "(2)" says how often.
type asked struct {
	connections int    // to the database
	database    string // its round trips
	twilio      string // its calls
}

// Each command needs so many connections, round trips and calls, and no more. A command that is not in the table fails the test.
//
// A change can't do with three round trips. schema comes alone: nothing is sent to a table before it is known whose it is. owners comes
// after it because this is a superuser's connection; a role with no more than rights on the tables does without. find_users brings what is
// asked next with it: the injector classes and the persons. The commit
// comes alone: if the program dies while another session holds the row, the server must not commit by itself once it is free. The
// rollback of may_write comes alone: a pooler in statement mode must refuse the question, as it would refuse the change. After the
// commit of a reset factor_owners and find_users look at what others have done meanwhile, before and after a factor is deleted.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	nothing := func(*testing.T, *stage) {}
	enrolled := func(t *testing.T, s *stage) { s.enrolled(t) }
	skipping := func(t *testing.T, s *stage) {
		s.enrolled(t)
		s.exec(t, "update users set mfa_enabled = false where $user")
	}
	pending := func(_ *testing.T, s *stage) { s.factor(emulator.Unverified, true) }
	type run struct {
		setUp func(*testing.T, *stage)
		args  string // CODE stands for the right code
		code  int
		asked asked
	}
	neither := func(args string, code int) []run { return []run{{nothing, args, code, asked{}}} } // database nor Twilio
	calls := func(args, twilio string) []run { return []run{{nothing, args, 0, asked{0, "", twilio}}} }
	runs := map[string][]run{
		"version": neither("version", 0), "grants": neither("grants", 0), "completion": neither("completion bash", 0), "help": neither("help", 0),
		"policy show": neither("policy show", 0), "audit-log show": neither("audit-log show", 5), "audit-log verify": neither("audit-log verify", 5),
		"notify pending": neither("notify pending", 5), "session-config plan": neither("session-config plan", 0),
		"session-config check": neither("session-config check", 0), "session-config set": neither("session-config set --max-age 10h --dry-run", 0),
		"session list": neither("session list", 4), "session end": neither("session end alice --yes", 4), // there is no PHP here
		"assist":       neither("assist alice", 2),                                      // it needs a terminal, and is made of the other commands
		"sandbox stop": neither("sandbox stop", 6), "sandbox": nil, "sandbox code": nil, // it has a server and an emulator of its own

		"service show":   calls("service show", "GET Services/*"),
		"service check":  calls("service check", "GET Services/*"),
		"service create": calls("service create --friendly-name Other --yes", "POST Services"),
		"user list": {
			{nothing, "user list", 0, asked{
				1, "schema, owners, list_by_username",
				"",
			}},
		},
		"user show": {
			{enrolled, "user show alice", 0, asked{
				1, "schema, owners, find_users, uuid_owners (2), factor_owners, login_access",
				"GET Entities/*/Factors, GET Entities/*/Challenges",
			}},
			{nothing, "user show alice --offline", 0, asked{
				1, "schema, owners, find_users, uuid_owners, login_access",
				"",
			}},
		},
		"user history": {
			{enrolled, "user history alice", 0, asked{
				1, "schema, owners, find_users, uuid_owners, login_access",
				"GET Entities/*/Challenges",
			}},
		},
		"enroll": {
			{nothing, "enroll alice --no-wait --reveal", 0, asked{
				1, "schema, owners, find_users, may_write, rollback",
				"POST Entities/*/Factors",
			}},
			{enrolled, "enroll alice --replace --no-wait --reveal", 0, asked{
				1, "schema, owners, find_users, may_write, rollback",
				"POST Entities/*/Factors",
			}},
			{nothing, "enroll alice --no-wait --html-dir pages", 0, asked{
				1, "schema, owners, find_users, may_write, rollback",
				"POST Entities/*/Factors",
			}},
		},
		"verify": {
			{pending, "verify alice CODE", 0, asked{
				1, "schema, owners, find_users, may_write, rollback, compare_and_set, commit",
				"GET Entities/*/Factors, POST Entities/*/Factors/*, GET Entities/*/Factors/*",
			}},
			{enrolled, "verify alice CODE --check", 0, asked{
				1, "schema, owners, find_users",
				"GET Entities/*/Factors/*, POST Entities/*/Challenges",
			}},
		},
		"user reset": {
			{enrolled, "user reset alice --yes", 0, asked{
				1, "schema, owners, find_users (2), factor_owners (2), compare_and_set, commit",
				"GET Entities/*/Factors, DELETE Entities/*/Factors/*",
			}},
			{enrolled, "user reset alice --skip-twilio --yes", 0, asked{
				1, "schema, owners, find_users, compare_and_set, commit",
				"",
			}},
		},
		"user disable-next-login": {
			{enrolled, "user disable-next-login alice --yes", 0, asked{
				1, "schema, owners, find_users, compare_and_set, commit",
				"",
			}},
		},
		"user enable": {
			{skipping, "user enable alice", 0, asked{
				1, "schema, owners, find_users, compare_and_set, commit",
				"",
			}},
		},
		"identity send": {
			{nothing, "identity send alice --channel sms --region GB", 0, asked{
				1, "schema, owners, find_users, phone_contacts, mobile_holders",
				"GET Services/*, POST Verifications",
			}},
		},
		"identity check": {
			{nothing, "identity check alice 000000 --region GB", 5, asked{
				1, "schema, owners, find_users, phone_contacts, mobile_holders",
				"",
			}},
		},
		"reconcile": {
			{enrolled, "reconcile --concurrency 1", 9, asked{
				1, "schema, owners, list_by_username, find_users (3), injector_classes",
				"GET Services/* (3), GET Entities, GET Entities/*/Factors (2), GET Entities/*/Factors/*",
			}},
		},
		"set-injector": {
			{nothing, "set-injector --off --yes", 0, asked{
				1, "schema, owners, look_for_trial, injector_classes (2), lock_injector_classes, update_injector_class, commit",
				"",
			}},
		},
		"doctor": {
			{nothing, "doctor", 9, asked{
				1, "schema, owners, elsewhere, rights, injector_classes, look_for_trial, list_unordered, shared_uuids, closed_system_companies, persons_in_question",
				"GET Services/*",
			}},
		},
		"detach": {
			{nothing, "detach --confirm DATABASE", 0, asked{
				1, "schema, owners, target_database (2), settings, lock_usernames, detach, not_detached, commit",
				"",
			}},
		},
	}
	for _, command := range leaves(t) {
		if _, ok := runs[command]; !ok {
			t.Errorf("%s is not in the table", command)
		}
	}
	program, s := shipped(t), newStage(t)
	for _, command := range leaves(t) {
		if command == "reconcile" { // it is about everything that the others have left
			s = newStage(t)
		}
		for _, r := range runs[command] {
			s.reset(t)
			r.setUp(t, s)
			args := strings.Fields(strings.ReplaceAll(r.args, "DATABASE", s.db.Config().Database))
			for i, word := range args {
				if word == "CODE" {
					args[i] = s.code(t, s.verify.Factors(s.uuid)[0].SID)
				}
			}
			var mu sync.Mutex
			names := map[string][]string{}
			had := s.proxy.Sessions()
			e := s.run(t, invocation{program: program, args: args}, func(i crashtest.Interaction, p crashtest.Phase) crashtest.Action {
				mu.Lock()
				defer mu.Unlock()
				if p == crashtest.Before {
					names[i.System] = append(names[i.System], i.Name)
				}
				return crashtest.Pass
			}, nil)
			got := asked{s.proxy.Sessions() - had, times(names["database"]), times(names["twilio"])}
			if e.code != r.code {
				t.Errorf("%s: want exit code %d: %v", r.args, r.code, e)
			}
			if got != r.asked {
				t.Errorf("%s asks for\n%d, %q, %q, want\n%d, %q, %q", r.args, got.connections, got.database, got.twilio,
					r.asked.connections, r.asked.database, r.asked.twilio)
			}
		}
	}
}

// times returns the names in the order in which they came first, with how often they came.
func times(names []string) string {
	var all []string
	for i, name := range names {
		if slices.Index(names, name) < i {
			continue
		}
		n := 0
		for _, other := range names {
			if other == name {
				n++
			}
		}
		if n > 1 {
			name = fmt.Sprintf("%s (%d)", name, n)
		}
		all = append(all, name)
	}
	return strings.Join(all, ", ")
}
