package db

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// tracer logs the name and the duration of each query and connection. It never logs SQL, arguments or settings: they
// hold user names, factor SIDs and passwords.
type tracer struct{ log *slog.Logger }

// traceKey is the context key of a traced.
type traceKey struct{}

type traced struct {
	name  string
	start time.Time
}

// TraceQueryStart implements pgx.QueryTracer.
func (t tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return begun(ctx, queryName(data.SQL))
}

// TraceQueryEnd implements pgx.QueryTracer.
func (t tracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	t.ended(ctx, data.Err)
}

// TraceBatchStart implements pgx.BatchTracer. A batch is one query and what must come before it.
func (t tracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	name := queryName(data.Batch.QueuedQueries[0].SQL)
	for _, q := range data.Batch.QueuedQueries {
		if strings.HasPrefix(q.SQL, namePrefix) {
			name = queryName(q.SQL)
		}
	}
	return begun(ctx, name)
}

// TraceBatchQuery implements pgx.BatchTracer.
func (t tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (t tracer) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	t.ended(ctx, data.Err)
}

// TraceConnectStart implements pgx.ConnectTracer.
func (t tracer) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return begun(ctx, "connect")
}

// TraceConnectEnd implements pgx.ConnectTracer.
func (t tracer) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	t.ended(ctx, data.Err)
}

func begun(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, traceKey{}, traced{name, time.Now()})
}

func (t tracer) ended(ctx context.Context, err error) {
	if q, ok := ctx.Value(traceKey{}).(traced); ok {
		t.log.DebugContext(ctx, "database query", "name", q.name, "duration", time.Since(q.start), "ok", err == nil)
	}
}

// queryName returns the name that sql wrote into the first line. Of those that begin or end a transaction it returns
// the first word.
func queryName(text string) string {
	if named, ok := strings.CutPrefix(text, namePrefix); ok {
		name, _, _ := strings.Cut(named, "\n")
		return name
	}
	if text == "-- ping" { // pgx's Ping
		return "ping"
	}
	if words := strings.Fields(text); len(words) > 0 {
		switch words[0] {
		case "begin", "commit", "rollback":
			return words[0]
		}
	}
	return "other"
}
