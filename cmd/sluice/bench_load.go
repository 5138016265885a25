package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"sluice/bench/load"
)

// loadBench is what `bench load` was asked for.
type loadBench struct {
	load.Load
	headers      []string
	data, format string
}

func newBenchLoad(c console) *cobra.Command {
	var b loadBench
	cmd := &cobra.Command{
		Use:   "load URL",
		Short: "Send a load to a URL: how much does it answer, and how fast?",
		Long: "Sends HTTP/1.1 requests on kept connections and prints throughput, latencies and errors. Without --rate each connection sends its next\n" +
			"request when it has its answer (closed loop): that finds the most a server does. With --rate each request has a time at which it is due\n" +
			"(open loop), and its latency counts from then, so a server that stalls can't hide it. Ends with 1 when a request had no whole answer,\n" +
			"one of 500 or above, or could not be sent.",
		Example: "  sluice bench load http://127.0.0.1:8080/ --connections 64 --duration 10s\n" +
			"  sluice bench load http://127.0.0.1:8080/checkout --rate 2000 -H 'X-User-Id: user-1' -o json",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b.URL = args[0]
			return b.run(cmd.Context(), c)
		},
	}
	f := cmd.Flags()
	f.IntVarP(&b.Connections, "connections", "c", 64, "connections at most, and so requests under way")
	f.Float64VarP(&b.Rate, "rate", "r", 0, "requests a second, at random times as users come; 0 for a closed loop")
	f.BoolVar(&b.Even, "even", false, "with --rate: even times")
	f.DurationVarP(&b.Duration, "duration", "d", 10*time.Second, "how long; 0 when --requests ends it")
	f.Uint64VarP(&b.Count, "requests", "n", 0, "how many requests at most; 0 for no such limit")
	f.DurationVar(&b.WarmUp, "warm-up", time.Second, "before that, in no figure")
	f.DurationVar(&b.Timeout, "timeout", 10*time.Second, "of one request")
	f.StringVarP(&b.Method, "method", "X", "", "method (GET, with --data POST)")
	f.StringArrayVarP(&b.headers, "header", "H", nil, "a header of each request, `'Name: value'`; may be given again")
	f.StringVar(&b.data, "data", "", "body of each request; `@FILE` reads it")
	f.StringVar(&b.By, "by", "", "count answers by the values of this header, such as Sluice-Backend")
	f.StringVarP(&b.format, "output", "o", "table", "table or json")
	perCall(cmd, "connections", "rate", "even", "duration", "requests", "warm-up", "timeout", "method", "header", "data", "by")
	return cmd
}

func (b *loadBench) run(ctx context.Context, c console) error {
	if b.format != "table" && b.format != "json" {
		return withCode(exitUsage, "--output=%q: want table or json", b.format)
	}
	if err := b.fill(); err != nil {
		return err
	}
	if f, ok := c.err.(*os.File); ok && onTerminal(f) {
		b.Progress = func(p load.Progress) { _, _ = io.WriteString(f, "\r"+progressLine(p)+clearLine) }
		defer func() { _, _ = io.WriteString(f, "\r"+clearLine) }()
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, unix.SIGTERM)
	defer stop()
	r, err := b.Load.Run(ctx)
	var invalid *load.Invalid
	switch {
	case errors.As(err, &invalid):
		return withCode(exitUsage, "%w", err)
	case err != nil:
		return err
	}
	if err := b.print(c.out, r); err != nil {
		return err
	}
	if n := r.Failed(); n > 0 {
		return fmt.Errorf("%d of %d requests failed: see the table's errors", n, r.Requests+r.Unsent)
	}
	return nil
}

// fill puts the flags that have another shape into the load.
func (b *loadBench) fill() error {
	b.Header = http.Header{}
	for _, h := range b.headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return withCode(exitUsage, "--header=%q: want 'Name: value'", h)
		}
		b.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	b.Body = []byte(b.data)
	if file, ok := strings.CutPrefix(b.data, "@"); ok {
		text, err := os.ReadFile(file)
		if err != nil {
			return withCode(exitUsage, "--data=%q: %w", b.data, err)
		}
		b.Body = text
	}
	return nil
}

func (b *loadBench) print(w io.Writer, r *load.Report) error {
	if b.format == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	return r.WriteTable(w)
}

func progressLine(p load.Progress) string {
	phase := ""
	if p.WarmingUp {
		phase = ", warming up"
	}
	return fmt.Sprintf("%s: %d requests, %d failed%s", p.Elapsed.Round(time.Second/2), p.Done, p.Failed, phase)
}

func onTerminal(f *os.File) bool {
	s, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	return err == nil && s.Col > 0
}
