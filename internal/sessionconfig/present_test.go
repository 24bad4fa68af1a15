package sessionconfig

import (
	"testing"
	"time"

	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/dotenv"
)

func TestReadPresent(t *testing.T) {
	file := func(pairs ...string) installation.EnvFile {
		return installation.EnvFile{Path: "/x/.env", Found: true, Settings: settings(pairs...)}
	}
	for name, test := range map[string]struct {
		env   installation.EnvFile
		state PresentState
	}{
		"no directory":    {installation.EnvFile{}, PresentUnknown},
		"no file":         {installation.EnvFile{Path: "/x/.env"}, PresentUnreadable},
		"a line rejected": {installation.EnvFile{Path: "/x/.env", Found: true, Syntax: &dotenv.SyntaxError{}}, PresentUnreadable},
		"in config/":      {installation.EnvFile{Path: "/x/.env", Found: true, Misplaced: "/x/config/.env"}, PresentUnreadable},
		"off":             {file(Manage, "off", ActivityTimeout, "1800", MaxAge, "28800"), PresentUnmanaged},
		"one limit":       {file(Manage, "on", ActivityTimeout, "1800"), PresentUnusable},
		"too long":        {file(Manage, "on", ActivityTimeout, "1800", MaxAge, "9000000000000"), PresentUnusable},
		"both":            {file(Manage, "on", ActivityTimeout, "1800", MaxAge, "28800"), PresentKnown},
	} {
		p := ReadPresent(test.env)
		if p.State != test.state || (p.Choice != nil) != (test.state == PresentKnown) || (p.Managed != nil) != (test.state > PresentUnreadable) {
			t.Errorf("%s: %+v", name, p)
		}
		if p.Choice != nil && (p.Choice.ActivityTimeout != 30*time.Minute || p.Choice.MaxAge != 8*time.Hour || *p.ActivityTimeout != 1800 || *p.MaxAge != 28800) {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestAsked(t *testing.T) {
	hour, two, day := time.Hour, 2*time.Hour, 24*time.Hour
	present := Present{Choice: &Choice{ActivityTimeout: 2 * time.Hour, MaxAge: 24 * time.Hour}}
	for _, test := range []struct {
		present          Present
		activity, maxAge *time.Duration
		want             [2]time.Duration
	}{
		{Present{}, &hour, &two, [2]time.Duration{hour, two}},
		{Present{}, &hour, nil, [2]time.Duration{hour, hour}},
		{Present{}, nil, &hour, [2]time.Duration{hour, hour}},
		{present, &hour, nil, [2]time.Duration{hour, day}},
		{present, nil, &hour, [2]time.Duration{two, hour}},
	} {
		if c := test.present.Asked(test.activity, test.maxAge); c == nil || c.ActivityTimeout != test.want[0] || c.MaxAge != test.want[1] {
			t.Errorf("%+v, want %v", c, test.want)
		}
	}
	if c := present.Asked(nil, nil); c != nil {
		t.Errorf("%+v", c)
	}
}
