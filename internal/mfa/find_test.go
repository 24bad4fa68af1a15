package mfa_test

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/mfa/mfatest"
)

// listed returns users from texts such as "alice|Alice Archer|alice@example.com".
func listed(texts ...string) (*mfatest.World, iter.Seq2[mfa.User, error]) {
	w := mfatest.NewWorld()
	var users []mfa.User
	for _, text := range texts {
		fields := append(strings.Split(text, "|"), "", "")
		u := mfa.User{Username: fields[0], Person: fields[1]}
		if fields[2] != "" {
			u.Email = new(fields[2])
		}
		users = append(users, u)
		w.Users[u.Username] = u
	}
	slices.SortFunc(users, func(a, b mfa.User) int { return strings.Compare(a.Username, b.Username) })
	return w, func(yield func(mfa.User, error) bool) {
		for _, u := range users {
			if !yield(u, nil) {
				return
			}
		}
	}
}

// A user name may be the name of another person: the operator is told of that one.
func TestNamesakes(t *testing.T) {
	_, all := listed("archer|Zed Zed", "alice|Alice Archer", "bob|Bob Archerson", "carol|Carol Carter|archer@example.com", "Archer|Eve Alias")
	for name, want := range map[string]string{"archer": "Archer, alice, carol", "bob": "", "carol": ""} {
		others, err := mfa.Namesakes(all, mfa.User{Username: name})
		var got []string
		for _, u := range others {
			got = append(got, u.Username)
		}
		if err != nil || strings.Join(got, ", ") != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestFind(t *testing.T) {
	w, all := listed("alice|Alice Archer|alice@example.com", "alice |Eve Alias", "Bob|Bob Archerson|office@example.com", "carol|Carol Carter|office@example.com",
		"archer|Zed Zed", "mueller|Jürgen Müller|jm@example.de", "li|Li Na|na@example.com", "lisa|Lisa Lind", "jon.doe||jon.doe@example.com",
		"smith1|Ann Smith", "smith2|Ann Smith")
	for text, want := range map[string]string{ // who fits best
		"alice":                       "alice", // an exact name wins, although "alice " looks the same
		"alice ":                      "alice ",
		"ALICE":                       "alice, alice ",
		"Alice Archer":                "alice",
		"archer  ALICE":               "alice",
		"archer":                      "archer",
		"Archer":                      "alice, archer", // the name of a user may be the name of another person
		"archers":                     "Bob",
		"rchers":                      "Bob",
		"muller":                      "mueller",
		"MÜLLER":                      "mueller",
		"mu\u0308ller jurgen":         "mueller",
		"Li":                          "li", // a whole word is more than the beginning of another
		"lis":                         "lisa",
		"alice@EXAMPLE.com":           "alice",
		" alice@example.com ":         "alice",
		"office@example.com":          "Bob, carol",
		"office@":                     "Bob, carol",
		"example.com":                 "", // not even with all of them in mind
		"jon doe":                     "jon.doe",
		"bob":                         "Bob",
		"smith":                       "smith1, smith2",
		"smith ann":                   "smith1, smith2",
		"smith bob":                   "",
		"nobody":                      "",
		"%":                           "",
		"":                            "",
		" ":                           "",
		"\u200b":                      "",
		"\xff":                        "",
		"al\u200bice":                 "alice, alice ",
		"\u0430lice":                  "alice, alice ",
		strings.Repeat("x ", 100_000): "",
	} {
		found, err := mfa.Find(t.Context(), w, all, []string{text})
		if err != nil || len(found) != 1 || found[0].Text != text {
			t.Fatalf("%.40q: %+v, %v", text, found, err)
		}
		var got []string
		if found[0].Best > 0 {
			for _, u := range found[0].BestCandidates() {
				got = append(got, u.Username)
			}
		}
		one, ok := found[0].User()
		if strings.Join(got, ", ") != want || ok != (len(got) == 1) || ok && one.Username != want || found[0].Best != len(got) {
			t.Errorf("%.40q: %q, want %q; %d as well", text, got, want, found[0].Best)
		}
	}
}

// The others who fit stay in sight, those who fit better first; of very many some are left out, and they are counted.
func TestFindRanks(t *testing.T) {
	texts := []string{"li|Li Na", "lisa|Lisa Lind", "ali|Ali Ba"}
	for n := range 30 {
		texts = append(texts, fmt.Sprintf("robot%02d", n))
	}
	w, all := listed(texts...)
	found, err := mfa.Find(t.Context(), w, all, []string{"LI", "robot"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range found[0].Candidates {
		got = append(got, fmt.Sprint(c.Username, c.Match))
	}
	if want := fmt.Sprintf("[li%d lisa%d ali%d]", mfa.MatchWhole, mfa.MatchBeginning, mfa.MatchPart); fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
	if f := found[1]; f.Best != 30 || len(f.Candidates) != 20 || f.Candidates[19].Username != "robot19" {
		t.Errorf("%d users fit, %d are kept", f.Best, len(f.Candidates))
	}
}

// A user name is looked up, and the list of all users is not read for it.
func TestFindReadsNoListForNames(t *testing.T) {
	w, _ := listed("alice")
	broken := errors.New("the connection broke")
	all := func(yield func(mfa.User, error) bool) { yield(mfa.User{}, broken) }
	if found, err := mfa.Find(t.Context(), w, all, []string{"alice", ""}); err != nil || found[0].Best != 1 || found[1].Best != 0 {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := mfa.Find(t.Context(), w, all, []string{"alice", "bob"}); !errors.Is(err, broken) {
		t.Error("an error of the list is not told:", err)
	}
	if _, err := mfa.Propose(all, []string{"bob"}); !errors.Is(err, broken) {
		t.Error("an error of the list is not told:", err)
	}
}

// A user name that looks like an e-mail address is proposed beside the user who has that address.
func TestProposeNamesBoth(t *testing.T) {
	_, all := listed("alice|Alice Archer|alice@example.com", "alice@example.com|Eve Alias", "bob|Bob|bob@example.com")
	for text, want := range map[string]int{"Alice@example.com": 2, "Bob@example.com": 1, "BOB": 1} {
		if found, err := mfa.Propose(all, []string{text}); err != nil || found[0].Best != want {
			t.Errorf("%s: %d users fit, want %d; %v", text, found[0].Best, want, err)
		}
	}
}

func TestTake(t *testing.T) {
	w, all := listed("alice|Alice Archer|alice@example.com", "bob|Bob Baker", "smith1|Ann Smith", "smith2|Ann Smith")
	users, taken, err := mfa.Take(t.Context(), w, all, []string{"baker", "alice", "archer", "Alice"})
	if err != nil || len(users) != 2 || users[0].Username != "bob" || users[1].Username != "alice" || len(taken) != 2 || taken[1].Text != "alice" {
		t.Errorf("%+v, %+v, %v", users, taken, err)
	}
	_, _, err = mfa.Take(t.Context(), w, all, []string{"alice", "nobody", "smith", "no one"})
	unclear, ok := errors.AsType[*mfa.UnclearError](err)
	if !ok || errs.KindOf(err) != errs.NotFound || len(unclear.Found) != 3 {
		t.Fatalf("%v", err)
	}
	if want := `no user matches "nobody", "no one"; "smith" fits 2 users`; err.Error() != want {
		t.Errorf("%s, want %s", err, want)
	}
}

func BenchmarkFind(b *testing.B) {
	var texts []string
	for n := range 50_000 {
		texts = append(texts, fmt.Sprintf("user%05d|Zoë Müller%d|zoe.mueller%d@example.com", n, n, n))
	}
	w, all := listed(texts...)
	for b.Loop() {
		if _, err := mfa.Find(b.Context(), w, all, []string{"archer"}); err != nil {
			b.Fatal(err)
		}
	}
}
