package crashtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"uzerp-mfa/internal/crashtest"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

func TestMain(m *testing.M) {
	code := dbtest.Run(m)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// through makes a database and a proxy for it. It returns the URLs without and with the proxy.
func through(t *testing.T, tap *crashtest.Tap) (direct, proxied string, p *crashtest.Postgres) {
	t.Helper()
	direct = dbtest.New(t, dbtest.Sample)
	config, err := pgx.ParseConfig(direct)
	if err != nil {
		t.Fatal(err)
	}
	p, err = crashtest.ListenPostgres(tap, "unix", fmt.Sprintf("%s/.s.PGSQL.%d", config.Host, config.Port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return direct, fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s", p.Port(), config.Database), p
}

func names(seen []crashtest.Interaction) []string {
	var all []string
	for _, i := range seen {
		all = append(all, i.Name)
	}
	return all
}

const named = "-- name: who\nselect username from users where username = $1"

func TestCountsAndNames(t *testing.T) {
	var tap crashtest.Tap
	_, url, p := through(t, &tap)
	ctx := t.Context()
	conn := dbtest.Connect(t, url)
	var got string
	for range 2 {
		if err := conn.QueryRow(ctx, named, "alice").Scan(&got); err != nil || got != "alice" {
			t.Fatal(got, err)
		}
	}
	if err := conn.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, "-- name: touch\nupdate users set email = 'x' where username = 'bob'"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	// COPY in both directions, a big answer, an error, and several statements in one batch pass without a change.
	if n, err := conn.CopyFrom(ctx, pgx.Identifier{"party"}, []string{"usercompanyid"}, pgx.CopyFromRows([][]any{{int64(1)}, {int64(1)}})); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	var out strings.Builder
	if _, err := conn.PgConn().CopyTo(ctx, &out, "copy users to stdout"); err != nil || !strings.Contains(out.String(), "alice") {
		t.Fatal(err)
	}
	var n int
	if err := conn.QueryRow(ctx, "select length(string_agg(repeat('x', 1000), '')) from generate_series(1, 5000)").Scan(&n); err != nil || n != 5000000 {
		t.Fatal(n, err)
	}
	if _, err := conn.Exec(ctx, "select nothing"); err == nil {
		t.Fatal("no error")
	}
	batch := &pgx.Batch{}
	batch.Queue(named, "alice").QueryRow(func(r pgx.Row) error { return r.Scan(&got) })
	batch.Queue(named, "bob").QueryRow(func(r pgx.Row) error { return r.Scan(&got) })
	if err := conn.SendBatch(ctx, batch).Close(); err != nil || got != "bob" {
		t.Fatal(got, err)
	}
	want := []string{"prepare who", "who", "who", "begin", "touch", "commit"}
	if got := names(tap.Seen()); !slices.Equal(got[:len(want)], want) {
		t.Errorf("%q", got)
	}
	_ = conn.Close(ctx)
	gone(t, p)
}

// hangs is how long a test waits before it says that something never happens. It is long enough for a busy machine.
const hangs = 5 * time.Minute

// patience is how long a client waits for an answer that does not come, after the hook was called.
const patience = 200 * time.Millisecond

func gone(t *testing.T, p *crashtest.Postgres) {
	t.Helper()
	for began := time.Now(); time.Since(began) < hangs; time.Sleep(10 * time.Millisecond) {
		if p.Connections() == 0 {
			return
		}
	}
	t.Errorf("%d connections are left", p.Connections())
}

// Each phase with each action: what the client gets, and whether there was an effect.
func TestHooksActAtTheirMoment(t *testing.T) {
	var tap crashtest.Tap
	direct, url, p := through(t, &tap)
	for _, c := range []struct {
		phase  crashtest.Phase
		action crashtest.Action
		effect bool
	}{
		{crashtest.Before, crashtest.Cut, false}, {crashtest.After, crashtest.Cut, true},
		{crashtest.Before, crashtest.Hang, false}, {crashtest.After, crashtest.Hang, true},
		{crashtest.Before, crashtest.Freeze, false}, {crashtest.After, crashtest.Freeze, true},
	} {
		tap.Arm(nil)
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		mark := fmt.Sprint(c)
		ctx, cancel := context.WithCancel(t.Context())
		tap.Arm(func(i crashtest.Interaction, phase crashtest.Phase) crashtest.Action {
			if i.N != 1 || phase != c.phase {
				return crashtest.Pass
			}
			if c.action != crashtest.Cut {
				time.AfterFunc(patience, cancel)
			}
			return c.action
		})
		_, err = conn.Exec(ctx, "update users set email = '"+mark+"' where username = 'alice'", pgx.QueryExecModeSimpleProtocol)
		hung := ctx.Err() != nil
		cancel()
		_ = conn.Close(t.Context())
		thaw := hangs
		if c.action == crashtest.Freeze {
			thaw = time.Second
		}
		select {
		case <-conn.PgConn().CleanupDone(): // pgx has sent a CancelRequest and waits for its effect
			if c.action == crashtest.Freeze {
				t.Error(c, "was thawed")
			}
		case <-time.After(thaw):
			if c.action != crashtest.Freeze {
				t.Error(c, "was not cancelled")
			}
			_ = conn.PgConn().Conn().Close()
		}
		if err == nil || hung != (c.action != crashtest.Cut) {
			t.Errorf("%v: %v", c, err)
		}
		gone(t, p)
		var is bool
		err = dbtest.Connect(t, direct).QueryRow(t.Context(), "select email = $1 from users where username = 'alice'", mark).Scan(&is)
		if err != nil || is != c.effect {
			t.Errorf("%v: effect %t, %v", c, is, err)
		}
	}
}

func TestCancelRequestsAndManyConnections(t *testing.T) {
	var tap crashtest.Tap
	direct, url, p := through(t, &tap)
	slow := dbtest.Connect(t, url)
	done := make(chan error, 1)
	go func() {
		_, err := slow.Exec(context.Background(), "select pg_sleep(600)")
		done <- err
	}()
	for len(tap.Seen()) < 1 { // until it is sent, as a simple query
		time.Sleep(time.Millisecond)
	}
	dbtest.Exec(t, direct, "do $$ begin while not exists (select from pg_stat_activity where pid = "+fmt.Sprint(slow.PgConn().PID())+
		" and wait_event = 'PgSleep') loop perform pg_sleep(0.01); perform pg_stat_clear_snapshot(); end loop; end $$")
	if err := slow.PgConn().CancelRequest(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil || !strings.Contains(err.Error(), "57014") {
		t.Errorf("not cancelled: %v", err)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			conn, err := pgx.Connect(t.Context(), url)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close(context.Background()) }()
			var got string
			if err := conn.QueryRow(t.Context(), named, "alice").Scan(&got); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(tap.Seen()); n != 1+20*2 {
		t.Errorf("%d interactions", n)
	}
	_ = slow.Close(t.Context())
	gone(t, p)
}

// A backend that is terminated sends an error before it disconnects.
func TestLastWordsOfTheServerArrive(t *testing.T) {
	var tap crashtest.Tap
	direct, url, _ := through(t, &tap)
	conn := dbtest.Connect(t, url)
	tap.Arm(func(i crashtest.Interaction, phase crashtest.Phase) crashtest.Action {
		if phase == crashtest.Before {
			dbtest.Exec(t, direct, "select pg_terminate_backend($1)", conn.PgConn().PID())
			dbtest.Exec(t, direct, "do $$ begin while exists (select from pg_stat_activity where pid = "+fmt.Sprint(conn.PgConn().PID())+
				") loop perform pg_sleep(0.01); perform pg_stat_clear_snapshot(); end loop; end $$")
		}
		return crashtest.Pass
	})
	if _, err := conn.Exec(t.Context(), "select 1"); err == nil || !strings.Contains(err.Error(), "57P01") {
		t.Error(err)
	}
}

func TestServerNotThere(t *testing.T) {
	p, err := crashtest.ListenPostgres(&crashtest.Tap{}, "unix", "/nowhere")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	if _, err := pgx.Connect(t.Context(), fmt.Sprintf("postgres://x@127.0.0.1:%d/x", p.Port())); !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
}

func TestHTTP(t *testing.T) {
	var tap crashtest.Tap
	var effects atomic.Int32
	server := httptest.NewServer(tap.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		effects.Add(1)
		w.Header().Set("X-Test", "yes")
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write(body)
	})))
	defer server.Close()
	var giveUp context.CancelFunc
	send := func() (string, error) {
		var ctx context.Context
		ctx, giveUp = context.WithCancel(t.Context())
		defer giveUp()
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/v2/Services/VA1/Entities/e/Factors/YF1", strings.NewReader("ping"))
		if err != nil {
			t.Fatal(err)
		}
		response, err := server.Client().Do(request)
		if err != nil {
			return "", err
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		return fmt.Sprint(response.StatusCode, response.Header.Get("X-Test"), string(body)), err
	}
	if got, err := send(); got != "418yesping" || err != nil {
		t.Error(got, err)
	}
	if got := names(tap.Seen()); !slices.Equal(got, []string{"POST Entities/*/Factors/*"}) {
		t.Errorf("%q", got)
	}
	for _, phase := range []crashtest.Phase{crashtest.Before, crashtest.After} {
		for _, action := range []crashtest.Action{crashtest.Cut, crashtest.Hang, crashtest.Freeze} {
			was := effects.Load()
			tap.Arm(func(i crashtest.Interaction, p crashtest.Phase) crashtest.Action {
				if p != phase {
					return crashtest.Pass
				}
				if action != crashtest.Cut {
					time.AfterFunc(patience, giveUp)
				}
				return action
			})
			if got, err := send(); err == nil || errors.Is(err, context.Canceled) != (action != crashtest.Cut) {
				t.Error(phase, action, got, err)
			}
			if (effects.Load() > was) != (phase == crashtest.After) {
				t.Error(phase, action, effects.Load()-was)
			}
		}
	}
}

func TestSteps(t *testing.T) {
	var tap crashtest.Tap
	done := 0
	tap.Step("terminal", "code", nil, func() { done++ })
	tap.Arm(func(crashtest.Interaction, crashtest.Phase) crashtest.Action { return crashtest.Cut })
	tap.Step("terminal", "code", nil, func() { done++ })
	if done != 1 || len(tap.Seen()) != 1 {
		t.Error(done, tap.Seen())
	}
}
