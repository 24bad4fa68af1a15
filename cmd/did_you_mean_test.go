package cmd_test

import (
	"strings"
	"testing"

	"uzerp-mfa/cmd"
)

// A proposed command asks for the same proof as the one that was typed, and repeats nothing that must be kept.
func TestProposedCommand(t *testing.T) {
	names := map[string]string{"archer": "alice", "dash": "-x", "o": "o'neil"}
	for typed, want := range map[string]string{
		"user reset archer --identify sms --ticket 4711":                  "user reset --identify sms --ticket 4711 alice",
		"user reset bob archer archer -y":                                 "user reset --yes bob alice alice",
		"user reset archer --verified-by manager:Bo":                      "user reset --verified-by manager:Bo alice",
		"user reset archer --reason=":                                     "user reset --reason='' alice",
		"user reset archer --reason=-x -o json":                           "user reset --output json --reason='-x' alice",
		"session end archer --php-ini /etc/php.ini":                       "session end --php-ini /etc/php.ini alice",
		"user reset dash archer":                                          "user reset -- '-x' alice",
		"user reset o":                                                    `user reset 'o'\''neil'`,
		"user reset archer --timeout 30s":                                 "user reset --timeout 30s alice",
		"user reset archer --database-url postgres://u@h/d?sslpassword=x": "user reset --database-url URL alice",
		"enroll archer --attempts 2 --reveal=false":                       "enroll --attempts 2 --reveal=false alice",
		"verify archer 123456":                                            "verify alice CODE",
		"verify archer archer":                                            "verify alice CODE",
		"identity check archer 123456 --to +447700900123":                 "identity check --to NUMBER alice CODE",
		"identity send --channel sms archer":                              "identity send --channel sms alice",
	} {
		if got, err := cmd.CommandWith(strings.Fields(typed), names); err != nil || got != "uzerp-mfa "+want {
			t.Errorf("%s: %s, %v, want %s", typed, got, err, want)
		}
	}
	// A reason that can't be copied from the screen is not shown as another one.
	for _, reason := range []string{"lost\nphone", "a\x1b[31mb"} {
		got, err := cmd.CommandWith([]string{"user", "reset", "archer", "--reason", reason}, names)
		if want := "uzerp-mfa user reset --reason REASON alice"; got != want || err != nil {
			t.Errorf("%q: %s, %v, want %s", reason, got, err, want)
		}
	}
}
