package pgtemp

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Standby starts a hot standby of p: a server that is a copy of p, follows it, and takes no changes. It has the same laws as
// every server here, and needs none of PostgreSQL's programs for backups, which some packages lack.
func (p *Server) Standby(ctx context.Context) (*Server, error) {
	return Start(ctx, Options{Dir: filepath.Dir(p.home.dir), primary: p})
}

// copyFrom fills the data directory with a base backup of primary, and has the server follow that.
func (p *Server) copyFrom(ctx context.Context, primary *Server) error {
	label, err := p.backUp(ctx, primary)
	if err != nil {
		return failure("copy the primary server", err)
	}
	const script = `cat >"$1/backup_label" && : >"$1/standby.signal" &&
		printf "primary_conninfo = '%s'\nprimary_slot_name = '%s'\n" "$2" "$3" >>"$1/postgresql.auto.conf"`
	cmd := p.command(ctx, "/bin/sh", "-c", script, "sh", p.home.data(),
		"host="+primary.home.dir+" port="+strconv.Itoa(primary.port)+" user="+superuser, p.slot())
	cmd.Stdin = strings.NewReader(label)
	if err := cmd.Run(); err != nil {
		return failure("make a standby", err)
	}
	return nil
}

// slot returns the name of what keeps, on the primary server, all that was logged since the backup began: without it a checkpoint
// would remove it, and p would wait for it for ever.
func (p *Server) slot() string { return strings.ReplaceAll(filepath.Base(p.home.dir), "-", "_") }

// backUp copies the data directory of primary, and returns the label of the backup.
func (p *Server) backUp(ctx context.Context, primary *Server) (label string, err error) {
	conn, err := pgx.Connect(ctx, primary.ConnString("postgres"))
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // that ends a backup, too
	var version int
	if err := conn.QueryRow(ctx, "select current_setting('server_version_num')::int").Scan(&version); err != nil {
		return "", err
	}
	start, stop := "select pg_backup_start('standby', true)", "select labelfile from pg_backup_stop(false)"
	if version < 150000 {
		start, stop = "select pg_start_backup('standby', true, false)", "select labelfile from pg_stop_backup(false, false)"
	}
	if _, err := conn.Exec(ctx, "select pg_create_physical_replication_slot($1, true)", p.slot()); err != nil {
		return "", err
	}
	if _, err := conn.Exec(ctx, start); err != nil {
		return "", err
	}
	// That a file goes away meanwhile is no error: what was logged since the start makes the copy whole.
	const script = `cp -a "$1" "$2" 2>/dev/null; rm -f "$2/postmaster.pid" "$2/postmaster.opts" && test -f "$2/PG_VERSION"`
	if err := p.command(ctx, "/bin/sh", "-c", script, "sh", primary.home.data(), p.home.data()).Run(); err != nil {
		return "", err
	}
	err = conn.QueryRow(ctx, stop).Scan(&label)
	return label, err
}

// AwaitReplay waits until the standby p has applied all that primary has written so far.
func (p *Server) AwaitReplay(ctx context.Context, primary *Server) error {
	var written string
	// A commit waits for the disk only if it is told to.
	const flush = "set synchronous_commit = on; select pg_logical_emit_message(true, 'standby', '')"
	err := execute(ctx, primary, flush)
	if err == nil {
		err = queryRow(ctx, primary, "select pg_current_wal_flush_lsn()::text", &written)
	}
	if err != nil {
		return failure("ask the primary server", err)
	}
	for applied := false; ; {
		err := queryRow(ctx, p, "select coalesce(pg_last_wal_replay_lsn() >= '"+written+"'::pg_lsn, false)", &applied)
		if err != nil || applied {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func queryRow(ctx context.Context, p *Server, sql string, into any) error {
	conn, err := pgx.Connect(ctx, p.ConnString("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return conn.QueryRow(ctx, sql).Scan(into)
}

func execute(ctx context.Context, p *Server, sql string) error {
	conn, err := pgx.Connect(ctx, p.ConnString("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	_, err = conn.PgConn().Exec(ctx, sql).ReadAll()
	return err
}
