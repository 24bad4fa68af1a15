package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"slices"
	"time"
)

// The ids of findings.
const (
	FindingChanged     = "changed-line" // the line is not what was written
	FindingBrokenChain = "broken-chain" // the line does not follow the one before
	FindingNotARecord  = "not-a-record" // the line is not a record of this log
	FindingMissingHead = "missing-head" // the remembered head is not in the log
)

// Finding is a place where a log is not as this program wrote it.
type Finding struct {
	ID      string
	Line    int // from 1; 0 for the log as a whole
	Message string
}

// Torn is a line that a crash left unfinished. The report names it, but it is not a finding. If the line was an intent,
// its change was never made. If it was an outcome, its intent stays open.
type Torn struct {
	Line  int
	Bytes int
}

// OpenIntent is an intent without an outcome. Either the command is still running, or it died and the log doesn't say
// whether the change was made.
type OpenIntent struct {
	Line   int
	Record Record
}

// Report is what Verify found.
type Report struct {
	Lines       int
	Records     int
	First, Last time.Time // the times of the first and the last record; zero if there is none
	Head        string    // the hash of the last record, or Genesis; to be kept elsewhere for a later Verify
	HeadLine    int       // the line of the remembered head; 0 if none was given, or if it was not found
	Findings    []Finding // in the order of their lines
	Torn        []Torn
	Open        []OpenIntent
}

// Intact reports whether nothing was found.
func (r Report) Intact() bool { return len(r.Findings) == 0 }

// TornTail reports whether a crash left the last line unfinished.
func (r Report) TornTail() bool {
	n := len(r.Torn)
	return n > 0 && r.Torn[n-1].Line == r.Lines
}

// Verify checks a log from beginning to end. It keeps only the open intents in memory. remembered is the Head of an
// earlier report, or empty. Keep it where those who can write the log can't change it. Only with it can Verify find
// that lines at the end were cut off, or that the whole log was written anew. It fails only with errors of r.
func Verify(r io.Reader, remembered string) (Report, error) {
	v := verifier{report: Report{Head: Genesis}, torn: sha256.New(), open: map[string]OpenIntent{}}
	headSeen := remembered == "" || remembered == Genesis
	lines := newLines(r)
	for lines.next() {
		v.report.Lines++
		if v.line(lines) && v.report.Head == remembered {
			headSeen, v.report.HeadLine = true, lines.number
		}
	}
	if lines.err != nil {
		return Report{}, lines.err
	}
	v.endTorn(true)
	if !headSeen {
		v.find(FindingMissingHead, 0, "the remembered head is not in the log: its tail was cut off, or it was written anew "+
			"(or rotated: then the head is in an older file)")
	}
	for _, o := range v.open {
		v.report.Open = append(v.report.Open, o)
	}
	slices.SortFunc(v.report.Open, func(a, b OpenIntent) int { return a.Line - b.Line })
	slices.SortStableFunc(v.report.Findings, func(a, b Finding) int {
		if (a.Line == 0) != (b.Line == 0) {
			return b.Line - a.Line // findings about the log as a whole (line 0) come last
		}
		return a.Line - b.Line
	})
	return v.report, nil
}

type verifier struct {
	report  Report
	instead string     // another hash that the next record may follow, or empty
	torn    hash.Hash  // the hash of the lines since the last record
	pending []fragment // these lines
	open    map[string]OpenIntent
}

// fragment is a line that is no record.
type fragment struct {
	Torn
	told bool // it is already a finding
}

func (v *verifier) find(id string, line int, format string, args ...any) {
	v.report.Findings = append(v.report.Findings, Finding{ID: id, Line: line, Message: fmt.Sprintf(format, args...)})
}

// line checks the next line, and reports whether it is a record that nobody has changed.
func (v *verifier) line(l *lines) bool {
	n := l.number
	body, stated, ok := cutHash(l.text)
	switch {
	case l.tooLong || !ok && !looksTorn(l.text):
		v.find(FindingNotARecord, n, "this is no record: it was added, or damaged beyond recognition")
		fallthrough
	case !ok:
		v.torn.Write(l.text)
		v.torn.Write([]byte("\n"))
		v.pending = append(v.pending, fragment{Torn{Line: n, Bytes: len(l.text)}, l.tooLong || !looksTorn(l.text)})
		return false
	}
	v.report.Records++
	good := hashOf(body) == stated
	record, err := decode(l.text)
	switch {
	case !good:
		v.find(FindingChanged, n, "the line was changed: its hash is not the one it carries")
	case err != nil:
		v.find(FindingNotARecord, n, "this is no record, though its hash is right: %v", err)
		good = false
	}
	// In a changed line prev is not checked: the line is already a finding, and a second one for the same change would
	// help nobody.
	if good {
		v.follow(record, n)
		v.instead = ""
	} else {
		v.endTorn(true)
		v.instead = hashOf(body) // if only the hash was changed, the next line still has the right one
	}
	v.report.Head = stated
	return good
}

// follow checks that a record follows the lines before it, and keeps what the report needs of it.
func (v *verifier) follow(r Record, n int) {
	switch {
	case r.Prev == v.report.Head || r.Prev == v.instead:
	case v.report.Records == 1:
		v.find(FindingBrokenChain, n, "the first record follows another: lines before it were removed")
	case r.Prev == Genesis:
		v.find(FindingBrokenChain, n, "a new chain begins in the middle of the file")
	default:
		v.find(FindingBrokenChain, n, "the line does not follow the record before it: a line between them was removed, or one of them was added, moved or replaced")
	}
	if len(v.pending) > 0 || r.Torn != "" {
		acknowledged := r.Torn == hex.EncodeToString(v.torn.Sum(nil))
		if r.Torn != "" && !acknowledged {
			v.find(FindingBrokenChain, n, "what a crash had left before this line was changed or removed")
		}
		v.endTorn(acknowledged || r.Torn != "")
	}
	if v.report.First.IsZero() {
		v.report.First = r.Time
	}
	v.report.Last = r.Time
	if r.Result == ResultIntent {
		v.open[r.ID] = OpenIntent{Line: n, Record: r}
	} else {
		delete(v.open, r.ID)
	}
}

// endTorn decides about the lines since the last record. They count as torn if known is true: the record after them
// names them, as every writer does, or the log ends there. Otherwise each of them is a finding.
func (v *verifier) endTorn(known bool) {
	for _, t := range v.pending {
		switch {
		case t.told:
		case known:
			v.report.Torn = append(v.report.Torn, t.Torn)
		default:
			v.find(FindingNotARecord, t.Line, "the line is not whole, and no record after it mentions a crash: it was added or damaged")
		}
	}
	v.pending = v.pending[:0]
	v.torn.Reset()
}
