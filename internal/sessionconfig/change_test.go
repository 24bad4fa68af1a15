package sessionconfig

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
)

func TestPlanChange(t *testing.T) {
	on, off := true, false
	half, eight := 30*time.Minute, 8*time.Hour
	for _, test := range []struct {
		name    string
		env     Input
		request Request
		want    string // "SETTING@line before>after ...", or the error's kind and a word from it
	}{
		{"nothing to do", good(), Request{&on, &half, &eight}, ""},
		{"ON is on", with(Manage, "ON"), Request{Manage: &on}, ""},
		{"01800 is 1800", with(ActivityTimeout, "01800"), Request{ActivityTimeout: &half}, ""},
		{"the example of the documentation", with(Manage, "true", ActivityTimeout, "28800"), Request{&on, &half, nil},
			"UZERP_MANAGE_USER_SESSIONS@7 true>on USER_ACTIVITY_TIMEOUT_SECS@7 28800>1800 "},
		{"a new line", with(Manage, "-", MaxAge, "-"), Request{&on, nil, &eight}, "UZERP_MANAGE_USER_SESSIONS@0 ->on USER_SESSION_MAX_AGE_SECS@0 ->28800 "},
		{"a secret is not shown", with(MaxAge, "s3cret"), Request{MaxAge: &eight}, "USER_SESSION_MAX_AGE_SECS@7 (not shown)>28800 "},
		{"off", good(), Request{Manage: &off}, "UZERP_MANAGE_USER_SESSIONS@1 on>off "},
		{"off already", with(Manage, "no"), Request{Manage: &off}, ""},
		{"off if missing", with(Manage, "-"), Request{Manage: &off}, ""},
		{"true is not off", with(Manage, "true"), Request{Manage: &off}, "UZERP_MANAGE_USER_SESSIONS@7 true>off "},
		{"on without a limit", with(Manage, "off", MaxAge, "-"), Request{Manage: &on}, "refused --max-age"},
		{"on with a wrong limit", with(Manage, "off", ActivityTimeout, "30m"), Request{Manage: &on}, "refused --activity-timeout"},
		{"on without both", with(Manage, "-", ActivityTimeout, "-", MaxAge, ""), Request{Manage: &on}, "refused --activity-timeout and --max-age"},
		{"on with the limit given", with(Manage, "off", ActivityTimeout, "30m"), Request{&on, &half, nil},
			"UZERP_MANAGE_USER_SESSIONS@7 off>on USER_ACTIVITY_TIMEOUT_SECS@7 30m>1800 "},
		{"off with a max age that PHP can't add", with(MaxAge, "x"), Request{Manage: &off}, "refused --max-age"},
		{"one limit while the other locks out", with(MaxAge, "0"), Request{ActivityTimeout: &half}, "refused --max-age"},
	} {
		if err := test.request.Valid(); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		changes, err := PlanChange(test.env.Env, test.request)
		if kind, word, refused := strings.Cut(test.want, " "); refused && kind == "refused" {
			e, ok := errors.AsType[*errs.Error](err)
			if !ok || e.Kind != errs.Refused || e.Hint.String() != "limits-lock-out("+word+")" {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		got := ""
		for _, c := range changes {
			before := "-"
			if c.Before != nil {
				before = *c.Before
			}
			got += fmt.Sprintf("%s@%d %s>%s ", c.Setting, c.Line, before, c.After)
		}
		if err != nil || got != test.want {
			t.Errorf("%s: %q, %v", test.name, got, err)
		}
	}
}

func TestRequestValid(t *testing.T) {
	for d, want := range map[time.Duration]errs.Kind{
		0: errs.Usage, -time.Hour: errs.Usage, 90*time.Second + time.Millisecond: errs.Usage, 59 * time.Second: errs.Refused,
	} {
		for _, r := range []Request{{ActivityTimeout: &d}, {MaxAge: &d}} {
			if err := r.Valid(); err == nil || errs.KindOf(err) != want {
				t.Errorf("%v: %v", d, err)
			}
		}
	}
}
