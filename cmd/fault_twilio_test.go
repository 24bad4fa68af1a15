package cmd_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"uzerp-mfa/internal/emulator"
)

// twilioFault is something that goes wrong with the requests of one operation.
type twilioFault struct {
	name       string
	fault      emulator.Fault
	serviceToo bool   // the service is gone too
	only       string // the only operation that fails so; "" for all
}

func twilioFaults() []twilioFault {
	another := func(body map[string]any) {
		body["identity"], body["sid"] = "somebody-else", "YF0000000000000000000000000000dead"
		delete(body, "factors")
	}
	return []twilioFault{
		{name: "401", fault: emulator.Fault{Code: 20003}},
		{name: "403 of a proxy", fault: emulator.Fault{Status: http.StatusForbidden, Body: "<html>no</html>"}},
		{name: "404, the service is gone", fault: emulator.Fault{Code: 20404}, serviceToo: true},
		{name: "429 once", fault: emulator.Fault{Code: 20429, Times: 1}},
		{name: "429 with Retry-After once", fault: emulator.Fault{Code: 20429, Times: 1, RetryAfter: "1"}},
		{name: "429 for ever", fault: emulator.Fault{Code: 20429}},
		{name: "429 to be retried in an hour", fault: emulator.Fault{Code: 20429, RetryAfter: "3600"}},
		{name: "60310", fault: emulator.Fault{Code: 60310}, only: "UpdateFactor"},
		{name: "60312", fault: emulator.Fault{Code: 60312}, only: "CreateChallenge"},
		{name: "60315", fault: emulator.Fault{Code: 60315}, only: "CreateNewFactor"},
		{name: "60326", fault: emulator.Fault{Code: 60326}, only: "CreateNewFactor"},
		{name: "500", fault: emulator.Fault{Code: 20500}},
		{name: "500 once", fault: emulator.Fault{Code: 20500, Times: 1}},
		{name: "500 after the effect", fault: emulator.Fault{Code: 20500, AfterEffect: true}},
		{name: "503", fault: emulator.Fault{Status: http.StatusServiceUnavailable, Body: "<html>busy</html>"}},
		{name: "hang", fault: emulator.Fault{Hang: true}},
		{name: "hang after the effect", fault: emulator.Fault{Hang: true, AfterEffect: true}},
		{name: "reset before", fault: emulator.Fault{ResetBefore: true}},
		{name: "reset before, once", fault: emulator.Fault{ResetBefore: true, Times: 1}},
		{name: "reset after", fault: emulator.Fault{ResetAfter: true}},
		{name: "reset after, once", fault: emulator.Fault{ResetAfter: true, Times: 1}},
		{name: "garbage", fault: emulator.Fault{Garbage: true, Body: "<html>log in to the hotel's network</html>"}},
		{name: "nothing", fault: emulator.Fault{Garbage: true}},
		{name: "truncated", fault: emulator.Fault{Truncated: true}},
		{name: "oversized", fault: emulator.Fault{Oversized: true}},
		{name: "lie", fault: emulator.Fault{Lie: another}},
	}
}

// Twilio fails at each operation, in every way. The command ends with an exit code of its contract. It leaves no
// unfinished work that is not documented, and repeats no request that Twilio may have carried out.
func TestFaultMatrixTwilio(t *testing.T) {
	t.Parallel()
	program := shipped(t)
	recorder := newStage(t)
	var all []faultCase
	for _, sc := range faulty(t) {
		_, operations := sc.record(t, recorder, program)
		if len(operations) == 0 {
			operations = []string{nowhere} // it asks Twilio nothing, so no fault matters
		}
		for _, operation := range operations {
			for _, f := range twilioFaults() {
				if f.only == "" || f.only == operation || operation == nowhere {
					all = append(all, f.at(sc, operation))
				}
			}
		}
	}
	const about = `Each changing command, with something wrong about each request that it makes to Twilio (where). A command that makes none
is run with the fault in the way of any ("nowhere").
`
	faultMatrix(t, program, "testdata/fault_matrix_twilio.golden", about, all)
}

// nowhere is the place of a fault for commands that ask Twilio nothing.
const nowhere = "nowhere"

// at returns the case in which a command meets the fault at an operation.
func (f twilioFault) at(sc scenario, operation string) faultCase {
	return faultCase{
		sc: sc, where: operation, fault: f.name,
		expires: f.fault.Hang && operation != nowhere,
		run: func(t *testing.T, s *stage, program string, args []string) (ending, bool) {
			fault := f.fault
			if operation != nowhere {
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
			case operation == nowhere && n > 0:
				return fmt.Sprintf("%d requests to Twilio", n)
			case f.fault.Hang && asked > 2:
				return fmt.Sprintf("tried %d times, want 2 at most where nothing is answered", asked)
			}
			return ""
		},
	}
}
