package emulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Running is an emulator that listens on a loopback address.
type Running struct {
	*Server
	URL string // http://127.0.0.1:PORT

	http   *http.Server
	served chan error
}

// Start makes an emulator that listens on addr. That must be a loopback address, because the control API asks for no
// credentials; an empty addr means any free port of 127.0.0.1. Each wrap is put around the handler, for example an
// oracle.
func Start(addr string, opts Options, wrap ...func(http.Handler) http.Handler) (*Running, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("start the verify emulator: %w", err)
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		_ = listener.Close()
		return nil, fmt.Errorf("start the verify emulator: %s is not a loopback address", listener.Addr())
	}
	s := New(opts)
	var handler http.Handler = s
	for _, w := range wrap {
		handler = w(handler)
	}
	r := &Running{
		Server: s,
		URL:    "http://" + listener.Addr().String(),
		http:   &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second},
		served: make(chan error, 1),
	}
	go func() { r.served <- r.http.Serve(listener) }()
	return r, nil
}

// Close ends hanging requests, stops listening and waits a second at most for running requests. Call it only once.
func (r *Running) Close() error {
	r.Server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := r.http.Shutdown(ctx)
	if err != nil {
		err = r.http.Close()
	}
	if served := <-r.served; !errors.Is(served, http.ErrServerClosed) {
		return errors.Join(err, served)
	}
	return err
}
