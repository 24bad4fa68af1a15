package audit

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
	"time"
)

// The ids of findings.
const (
	FindingChanged     = "changed-line" // the line is not what was written
	FindingBrokenChain = "broken-chain" // the line does not follow the one before
	FindingNotARecord  = "not-a-record" // the line is not a record of this log
	FindingMissingHead = "missing-head" // the remembered head is not in the log
	FindingMissingFile = "missing-file" // what was between two files is not there
	FindingUnreadable  = "unreadable-file"
)

// Finding is a place where a log is not as this program wrote it.
type Finding struct {
	ID      string
	File    string // the name of the file, or empty if the log has only one
	Line    int    // from 1; 0 for the file or the log as a whole
	Message string
}

// Torn is a line that a crash left unfinished. The report names it, but it is not a finding. If the line was an intent,
// its change was never made. If it was an outcome, its intent stays open.
type Torn struct {
	File  string
	Line  int
	Bytes int
}

// OpenIntent is an intent without an outcome. Either the command is still running, or it died and the log doesn't say
// whether the change was made.
type OpenIntent struct {
	File   string
	Line   int
	Record Record
}

// FileReport is what was found out about one file of a log.
type FileReport struct {
	Name    string // without a directory
	Lines   int
	Records int
	Head    string // the hash of its last record, or Genesis
	// Follows is the head of the file before it, as its first record says: a hash, "unknown", or empty if there was none.
	Follows string
}

// Report is what Verify found.
type Report struct {
	Lines       int
	Records     int
	First, Last time.Time    // the times of the first and the last record; zero if there is none
	Head        string       // the hash of the last record, or Genesis; to be kept elsewhere for a later Verify
	HeadFile    string       // the file of the remembered head, if there are several
	HeadLine    int          // its line; 0 if none was given, or if it was not found
	Files       []FileReport // oldest first
	Findings    []Finding    // in the order of files and lines
	Torn        []Torn
	Open        []OpenIntent

	tornTail bool
}

// Intact reports whether nothing was found.
func (r Report) Intact() bool { return len(r.Findings) == 0 }

// TornTail reports whether a crash left the last line unfinished.
func (r Report) TornTail() bool { return r.tornTail }

// Verify checks the log from beginning to end, and that each file follows the one before: nothing between them was removed.
// Before the oldest file others may have been, which a rotation has deleted. It keeps only the open intents in memory. remembered
// is the Head of an earlier report, or empty. Keep it where those who can write the log can't change it. Only with it can Verify
// find that lines at the end were cut off, or that the whole log was written anew. It fails only with errors of reading.
func (f *Files) Verify(remembered string) (Report, error) {
	v := newVerifier(remembered)
	inOrder := *f
	inOrder.members = linked(f.dir, f.members)
	for opened, err := range inOrder.each() {
		if bad, ok := errors.AsType[*FileError](err); ok {
			v.unreadable(bad)
			continue
		}
		if err != nil {
			return Report{}, err
		}
		if err = v.file(opened); err != nil {
			if f.ctx.Err() != nil || opened.name == "" {
				return Report{}, f.readError(err)
			}
			v.unreadable(&FileError{opened.name, err})
		}
	}
	return v.end(), nil
}

func newVerifier(remembered string) *verifier {
	return &verifier{report: Report{Head: Genesis}, torn: sha256.New(), open: map[string]OpenIntent{}, remembered: remembered,
		headSeen: remembered == "" || remembered == Genesis}
}

// file checks one file. It fails only with errors of reading.
func (v *verifier) file(opened openedFile) error {
	if n := len(v.report.Files); n > 0 && v.report.Files[n-1].Records > 0 {
		v.before = &v.report.Files[n-1]
	}
	v.current = &FileReport{Name: opened.name, Head: Genesis}
	v.instead = ""
	lines := newLines(opened.content)
	for lines.next() {
		v.report.Lines++
		v.current.Lines++
		if v.line(lines) && v.current.Head == v.remembered {
			v.headSeen, v.report.HeadFile, v.report.HeadLine = true, opened.name, lines.number
		}
	}
	v.report.tornTail = len(v.pending) > 0
	v.endTorn(true)
	if v.current.Records > 0 {
		v.report.Head = v.current.Head
	}
	v.report.Files = append(v.report.Files, *v.current)
	v.gap = false
	return lines.err
}

// unreadable notes a file that is not checked. What follows it can't be compared with it.
func (v *verifier) unreadable(bad *FileError) {
	v.report.Findings = append(v.report.Findings, Finding{ID: FindingUnreadable, File: bad.File, Message: "the file was not checked: " + bad.Error()})
	v.gap = true
}

func (v *verifier) end() Report {
	if !v.headSeen {
		v.report.Findings = append(v.report.Findings, Finding{ID: FindingMissingHead,
			Message: "the remembered head is not in the log: its tail was cut off, or it was written anew " +
				"(or rotated: then the head is in an older file)"})
	}
	for _, o := range v.open {
		v.report.Open = append(v.report.Open, o)
	}
	order := map[string]int{}
	for i, f := range v.report.Files {
		order[f.Name] = i
	}
	slices.SortFunc(v.report.Open, func(a, b OpenIntent) int { return cmp.Or(order[a.File]-order[b.File], a.Line-b.Line) })
	slices.SortStableFunc(v.report.Findings, func(a, b Finding) int {
		if (a.Line == 0) != (b.Line == 0) {
			return b.Line - a.Line // findings about a whole file, or the log, come last
		}
		return cmp.Or(order[a.File]-order[b.File], a.Line-b.Line)
	})
	return v.report
}

type verifier struct {
	report     Report
	remembered string
	headSeen   bool
	current    *FileReport // what is being checked
	before     *FileReport // the last file before it that has records; nil if there is none
	gap        bool        // a file between them could not be read

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
	v.report.Findings = append(v.report.Findings, Finding{ID: id, File: v.current.Name, Line: line, Message: fmt.Sprintf(format, args...)})
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
		v.pending = append(v.pending, fragment{Torn{File: v.current.Name, Line: n, Bytes: len(l.text)}, l.tooLong || !looksTorn(l.text)})
		return false
	}
	v.report.Records++
	v.current.Records++
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
		if v.current.Records == 1 {
			v.link(record, n, bytes.Contains(body, []byte(`,"database":`)))
		}
		v.follow(record, n)
		v.instead = ""
	} else {
		v.endTorn(true)
		v.instead = hashOf(body) // if only the hash was changed, the next line still has the right one
	}
	v.current.Head = stated
	return good
}

// follow checks that a record follows the lines before it, and keeps what the report needs of it.
func (v *verifier) follow(r Record, n int) {
	switch {
	case r.Prev == v.current.Head || r.Prev == v.instead:
	case v.current.Records == 1 && v.before != nil && r.Prev == v.before.Head: // written when the log was just being truncated
	case v.current.Records == 1:
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
		v.open[r.ID] = OpenIntent{File: v.current.Name, Line: n, Record: r}
	} else {
		delete(v.open, r.ID)
	}
}

// link checks that the first record of a file follows the file before. Versions that wrote no database linked nothing.
func (v *verifier) link(r Record, n int, links bool) {
	v.current.Follows = r.Follows
	if v.before == nil || v.gap || r.Follows == v.before.Head || r.Follows == unknownHead || r.Prev == v.before.Head {
		return
	}
	switch {
	case r.Follows != "":
		v.find(FindingMissingFile, n, "the file does not follow %s: a file between them is missing, or lines at the end of %s were removed",
			v.before.Name, v.before.Name)
	case links:
		v.find(FindingMissingFile, n, "the file names no file before it, but there is %s: its first lines were removed, or it was made anew", v.before.Name)
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
