//go:build profile

package main

import (
	"fmt"
	"os"
	"runtime/pprof"
	"time"
)

// profiled is how long a proxy that was built for `make profile` records itself.
const profiled = time.Minute

// The compiler is told by default.pgo, which is made of such records, what is called most: docs/decisions/0070. No other build has this.
var _ = record(os.Getenv("PROFILE_INTO"))

// record writes where the processor's time goes into the folder; "" is nowhere.
func record(folder string) error {
	if folder == "" || len(os.Args) < 2 || os.Args[1] != "run" {
		return nil
	}
	f, err := os.CreateTemp(folder, "*.pprof")
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "record a profile:", err)
		os.Exit(1)
	}
	go func() {
		time.Sleep(profiled)
		pprof.StopCPUProfile()
		_ = f.Close()
	}()
	return nil
}
