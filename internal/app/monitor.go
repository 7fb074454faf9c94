package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readiness collects the conditions under which the process does its work.
type readiness struct {
	mu      sync.Mutex
	waiting map[string]string // condition -> why it does not hold
}

func newReadiness() *readiness { return &readiness{waiting: map[string]string{}} }

// set states that a condition holds (why empty) or why it does not.
func (r *readiness) set(condition, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if why == "" {
		delete(r.waiting, condition)
		return
	}
	r.waiting[condition] = why
}

// missing lists what does not hold, sorted.
func (r *readiness) missing() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for c, why := range r.waiting {
		out = append(out, c+": "+why)
	}
	slices.Sort(out)
	return out
}

// newMonitor serves what operators look at: /metrics, /healthz (the process
// lives), /readyz (it does its work, or why not), /debug/pprof.
func newMonitor(reg *prometheus.Registry, ready *readiness) http.Handler {
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "lapwing_ready", Help: "1 while the process does its work, 0 while /readyz says why not.",
	}, func() float64 {
		if len(ready.missing()) > 0 {
			return 0
		}
		return 1
	}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if missing := ready.missing(); len(missing) > 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, strings.Join(missing, "\n"))
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// serve runs an HTTP server on a configured listener until ctx ends, then lets
// requests in flight finish. It returns the address it listens at.
func serve(ctx context.Context, cfg Listener, clientAuth tls.ClientAuthType, h http.Handler, life *lifecycle, name string, seen *certMetrics, fail func(error)) (string, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return "", fmt.Errorf("%s: cannot listen at %s: %w (another lapwing? choose another address: %s.listen)", name, cfg.Listen, listenCause(err), name)
	}
	addr := ln.Addr().String()
	srv := newServer(withToken(cfg.Token.Reveal(), h))
	if cfg.TLS.CertFile != "" {
		if srv.TLSConfig, err = cfg.TLS.server(clientAuth, seen.of(name)); err != nil {
			return "", errors.Join(fmt.Errorf("%s: %w", name, err), ln.Close())
		}
	}
	if cfg.MaxConnections > 0 {
		held := newConnections(ln, cfg.MaxConnections)
		ln, srv.ConnState, srv.ConnContext, srv.Handler = held, held.connState, held.connContext, held.handler(srv.Handler)
	}
	life.onStop(name, srv.Shutdown)
	go func() {
		var err error
		if srv.TLSConfig != nil {
			err = srv.ServeTLS(ln, "", "")
		} else {
			err = srv.Serve(ln)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			fail(fmt.Errorf("%s: %w", name, err))
		}
	}()
	return addr, nil
}

// newServer bounds what callers may take, in time and memory.
func newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
	}
}

// listenCause drops the address, which the caller has said.
func listenCause(err error) error {
	var oe *net.OpError
	if errors.As(err, &oe) {
		return oe.Err
	}
	return err
}
