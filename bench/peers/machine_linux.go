package peers

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// clockTick is a hundredth of a second on every architecture that Go knows.
const clockTick = 10 * time.Millisecond

// usage is what a process and its children have used so far.
type usage struct {
	cpu time.Duration
	rss int64 // bytes now
}

func usageOf(pid int) (usage, error) {
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return usage{}, err
	}
	var sum usage
	found := false
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// The name, in parentheses, may hold anything; after it: state, parent, … (proc(5)).
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		own := bytes.HasPrefix(text, strconv.AppendInt(nil, int64(pid), 10)) && text[len(strconv.Itoa(pid))] == ' '
		if len(fields) < 22 || !own && string(fields[1]) != strconv.Itoa(pid) {
			continue
		}
		found = found || own
		user, _ := strconv.ParseInt(string(fields[11]), 10, 64)
		system, _ := strconv.ParseInt(string(fields[12]), 10, 64)
		pages, _ := strconv.ParseInt(string(fields[21]), 10, 64)
		sum.cpu += time.Duration(user+system) * clockTick
		sum.rss += pages * int64(os.Getpagesize())
	}
	if !found {
		return usage{}, fmt.Errorf("process %d is gone", pid)
	}
	return sum, nil
}
