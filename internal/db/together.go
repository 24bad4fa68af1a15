package db

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// This file sends in one round trip what a command asks one after the other.

// question is what a command asks about some names.
type question struct {
	op, query string
	as        string   // the name under which the query is sent, if it is not its own
	parts     []string // further queries about the same names, which are sent with the first
	names     []string
	// read reads the answer. If it can do without what the server has refused, nothing may be asked after it.
	read func(pgx.BatchResults) (any, error)
}

// about returns the question of a query whose one argument is a list of names to look rows up by.
func about[T any](op, query string, names []string, row pgx.RowToFunc[T]) question {
	return question{op: op, query: query, names: names, read: func(results pgx.BatchResults) (any, error) { return collectNext(results, row) }}
}

// expected are questions that will be asked soon, or those of them that were asked, each with its answer.
type expected struct {
	mu        sync.Mutex
	questions []question
	answers   []any // nil, or one for each
	until     time.Time
	moment    int // how often a round trip has begun or ended
}

// freshFor is how long an answer is given that came with another one. An operator may be asked something meanwhile.
const freshFor = 30 * time.Second

// Expect says that somebody asks next for these users, for these injector classes if there are any, and for the details of the users. The
// first of these questions brings the answers to all, in one round trip. An answer is given once, and only until anything else is sent to
// the server, for half a minute at most: it is never older than the last round trip. If the server refuses one of the
// questions, that one fails when it is asked, as it would alone.
func (db *DB) Expect(usernames, classes []string) {
	questions := []question{usersOf(usernames), classesOf(classes), detailsOf(usernames)}
	db.expected.set(slices.DeleteFunc(questions, func(q question) bool { return len(q.names) == 0 }))
}

func (e *expected) set(questions []question) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.questions, e.answers = questions, nil
}

// keep notes the answers to questions, which a round trip brought that began at that moment. If another one has begun or ended
// since then, it notes nothing: the answers may be old.
func (e *expected) keep(began int, questions []question, answers []any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.moment == began+1 { // its own end
		e.questions, e.answers, e.until = questions, answers, time.Now().Add(freshFor)
	}
}

func (e *expected) now() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.moment
}

// forget drops the answers that nobody has asked for: a round trip begins, or ends.
func (e *expected) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.moment++
	if e.answers != nil {
		e.questions, e.answers = nil, nil
	}
}

// take returns the answer to q if it is there, and otherwise the questions that are to be sent now: q and those expected with it.
func (e *expected) take(q question) (answer any, ask []question) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch i := indexOf(q, e.questions); {
	case i < 0, e.answers != nil && time.Now().After(e.until):
		return nil, []question{q}
	case e.answers == nil:
		return nil, slices.Clone(e.questions)
	default:
		answer = e.answers[i]
		e.questions, e.answers = slices.Delete(e.questions, i, i+1), slices.Delete(e.answers, i, i+1)
		return answer, nil
	}
}

func indexOf(q question, all []question) int {
	return slices.IndexFunc(all, func(o question) bool { return o.query == q.query && slices.Equal(o.names, q.names) })
}

// ask returns the answer to q, of the type that its read returns. A name that the database can't hold matches nothing.
func ask[T any](ctx context.Context, db *DB, q question) (found T, err error) {
	if len(q.names) == 0 {
		return found, nil
	}
	err = db.runOnTables(ctx, q.op, func(conn *pgx.Conn) error {
		answer, together := db.expected.take(q)
		if together != nil {
			began, answers, err := db.askAll(ctx, conn, together)
			i := indexOf(q, together)
			if i > len(answers) && sqlState(err) != "" { // another one failed before it
				i, together = 0, []question{q}
				began, answers, err = db.askAll(ctx, conn, together)
			}
			if i >= len(answers) {
				return err
			}
			answer = answers[i]
			db.expected.keep(began, slices.Delete(together[:len(answers)], i, i+1), slices.Delete(answers, i, i+1))
		}
		found, _ = answer.(T)
		return nil
	})
	return found, err
}

// askAll sends the questions in one round trip, under the name of the first. It returns when that began, and the answers that came before
// an error.
func (db *DB) askAll(ctx context.Context, conn *pgx.Conn, questions []question) (began int, answers []any, err error) {
	batch, name := &pgx.Batch{}, cmp.Or(questions[0].as, questions[0].query)
	can := make([][]string, len(questions))
	for i, q := range questions {
		if can[i], err = db.holdable(ctx, conn, q.names); err != nil {
			return 0, nil, err
		}
		for _, query := range append([]string{q.query}, q.parts...) {
			if len(can[i]) > 0 {
				batch.Queue(partOf(name, query, schemaOf(conn)), pgx.StrictNamedArgs{"names": can[i]})
			}
		}
	}
	if batch.Len() == 0 {
		return 0, make([]any, len(questions)), nil
	}
	err = db.together(ctx, conn,
		func(all *pgx.Batch) {
			began = db.expected.now()
			all.QueuedQueries = append(all.QueuedQueries, batch.QueuedQueries...)
		},
		func(results pgx.BatchResults) error {
			for i, q := range questions {
				var answer any
				if len(can[i]) > 0 {
					if answer, err = q.read(results); err != nil {
						return err
					}
				}
				answers = append(answers, answer)
			}
			return nil
		})
	if len(answers) == len(questions) && sqlState(err) != "" {
		return began, answers, nil // what the server has refused can be done without
	}
	return began, answers, err
}
