package cmd_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"uzerp-mfa/internal/emulator"
)

// twilioFault is a fault and the exit code that it leads to, by what the request was to do.
type twilioFault struct {
	name                           string
	fault                          emulator.Fault
	read, create, prove, challenge int
	remove                         int
	serviceToo                     bool   // the service is gone with it
	only                           string // operation; empty for all
}

// The codes: 4 for credentials, 5 for a service that is gone, 6 for a limit that repeating does not help against, 7 for
// what may work another time. A factor that was verified although the answer was lost is looked at again, so the command
// goes on; a challenge can't be looked at.
func twilioFaults() []twilioFault {
	another := func(body map[string]any) {
		body["identity"], body["sid"] = "somebody-else", "YF0000000000000000000000000000dead"
		delete(body, "factors")
	}
	return []twilioFault{
		{name: "401", fault: emulator.Fault{Code: 20003}, read: 4, create: 4, prove: 4, challenge: 4, remove: 4},
		{name: "403 of a proxy", fault: emulator.Fault{Status: http.StatusForbidden, Body: "<html>no</html>"}, read: 4, create: 4, prove: 4, challenge: 4, remove: 4},
		{name: "404, the service is gone", fault: emulator.Fault{Code: 20404}, serviceToo: true, read: 5, create: 5, prove: 5, challenge: 5, remove: 5},
		{name: "429 once", fault: emulator.Fault{Code: 20429, Times: 1}},
		{name: "429 with Retry-After once", fault: emulator.Fault{Code: 20429, Times: 1, RetryAfter: "1"}},
		{name: "429 for ever", fault: emulator.Fault{Code: 20429}, read: 7, create: 7, prove: 7, challenge: 7, remove: 7},
		{name: "429 to be retried in an hour", fault: emulator.Fault{Code: 20429, RetryAfter: "3600"}, read: 7, create: 7, prove: 7, challenge: 7, remove: 7},
		{name: "60310", fault: emulator.Fault{Code: 60310}, only: "UpdateFactor", prove: 6},
		{name: "60312", fault: emulator.Fault{Code: 60312}, only: "CreateChallenge", challenge: 6},
		{name: "60315", fault: emulator.Fault{Code: 60315}, only: "CreateNewFactor", create: 6},
		{name: "60326", fault: emulator.Fault{Code: 60326}, only: "CreateNewFactor", create: 6},
		{name: "500", fault: emulator.Fault{Code: 20500}, read: 7, create: 7, prove: 7, challenge: 7, remove: 7},
		{name: "500 once", fault: emulator.Fault{Code: 20500, Times: 1}, create: 7, prove: 7, challenge: 7},
		{name: "500 after the effect", fault: emulator.Fault{Code: 20500, AfterEffect: true}, read: 7, create: 7, challenge: 7, remove: 7},
		{name: "503", fault: emulator.Fault{Status: http.StatusServiceUnavailable, Body: "<html>busy</html>"}, read: 7, create: 7, prove: 7, challenge: 7, remove: 7},
		{name: "hang", fault: emulator.Fault{Hang: true}, read: 7, create: 7, prove: 7, challenge: 7, remove: 7},
		{name: "hang after the effect", fault: emulator.Fault{Hang: true, AfterEffect: true}, read: 7, create: 7, prove: 7, challenge: 7, remove: 7},
		{name: "reset before", fault: emulator.Fault{ResetBefore: true}, read: 7, create: 7, prove: 7, challenge: 7, remove: 7},
		{name: "reset before, once", fault: emulator.Fault{ResetBefore: true, Times: 1}, create: 7, prove: 7, challenge: 7},
		{name: "reset after", fault: emulator.Fault{ResetAfter: true}, read: 7, create: 7, challenge: 7, remove: 7},
		{name: "reset after, once", fault: emulator.Fault{ResetAfter: true, Times: 1}, create: 7, challenge: 7},
		{name: "garbage", fault: emulator.Fault{Garbage: true, Body: "<html>log in to the hotel's network</html>"}, read: 7, create: 7, challenge: 7, remove: 7},
		{name: "nothing", fault: emulator.Fault{Garbage: true}, read: 7, create: 7, challenge: 7},
		{name: "truncated", fault: emulator.Fault{Truncated: true}, read: 7, create: 7, challenge: 7, remove: 7},
		{name: "oversized", fault: emulator.Fault{Oversized: true}, read: 7, create: 7, challenge: 7, remove: 7},
		{name: "lie", fault: emulator.Fault{Lie: another}, read: 7, create: 7, challenge: 7},
	}
}

// want is the exit code of a command that meets the fault at an operation.
func (f twilioFault) want(operation string) int {
	switch operation {
	case "CreateNewFactor":
		return f.create
	case "UpdateFactor":
		return f.prove
	case "CreateChallenge":
		return f.challenge
	case "DeleteFactor":
		return f.remove
	}
	return f.read
}

// Whatever Twilio does, a command ends with the code of its contract, nothing is half done but what is documented, and
// nothing is asked for twice that Twilio may have done.
func TestFaultMatrixTwilio(t *testing.T) {
	t.Parallel()
	program := shipped(t)
	recorder := newStage(t)
	var all []faultCase
	for _, sc := range faulty(t) {
		_, operations := sc.record(t, recorder, program)
		if len(operations) == 0 {
			operations = []string{"any"} // none of Twilio's business: no fault matters
		}
		for _, f := range twilioFaults() {
			for _, operation := range operations {
				if f.only != "" && f.only != operation && operation != "any" {
					continue
				}
				all = append(all, faultCase{
					name: fmt.Sprintf("%s at %s", f.name, operation), sc: sc, want: f.expect(sc, operation),
					half:    operation == "DeleteFactor" || operation == "FetchFactor" || sc.name == "enroll --no-wait, all columns NULL" || f.fault.AfterEffect && operation == "UpdateFactor",
					expires: f.fault.Hang && operation != "any",
					run: func(t *testing.T, s *stage, program string, args []string) (ending, bool) {
						fault := f.fault
						if operation != "any" {
							fault.Operation = operation
						}
						s.verify.AddFault(fault)
						if f.serviceToo {
							s.verify.AddFault(emulator.Fault{Operation: "FetchService", Code: f.fault.Code})
						}
						e := s.run(t, invocation{program: program, args: args}, nil, nil)
						return e, slices.ContainsFunc(s.verify.Requests(), func(r emulator.Request) bool { return r.Operation == operation })
					},
					after: func(requests []emulator.Request) string {
						asked := 0
						for _, r := range requests {
							if r.Operation == operation {
								asked++
							}
						}
						switch n := len(requests); {
						case operation == "any" && n > 0:
							return fmt.Sprintf("%d requests to Twilio", n)
						case f.fault.Hang && asked > 2:
							return fmt.Sprintf("tried %d times, want 2 at most where nothing is answered", asked)
						}
						return ""
					},
				})
			}
		}
	}
	cases(t, program, all)
}

// expect is want, with what the command makes of it.
func (f twilioFault) expect(sc scenario, operation string) int {
	code := f.want(operation)
	switch {
	case operation == "any":
		return 0
	case operation == "FetchFactor" && strings.HasPrefix(sc.name, "verify"):
		return 0 // a last look at the factor: no answer says nothing
	case sc.site && code != 0 && !f.fault.Hang:
		return 6 // a check that can't be made counts as failed
	case f.name == "lie" && operation == "ListFactor" && sc.name == "enroll --no-wait, with a uuid":
		return 0 // there is no entity yet, and the emulator lies with successes only
	}
	return code
}
