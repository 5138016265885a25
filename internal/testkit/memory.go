package testkit

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// PeakMemory is the most memory that the process has had resident so far, in bytes (VmHWM of proc(5)). Elsewhere than on Linux it is 0.
func (p *Process) PeakMemory(t testing.TB) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.ID()))
	if err != nil {
		t.Logf("no memory figures here: %v", err)
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib int
	if _, err := fmt.Sscanf(rest, "%d kB", &kib); err != nil {
		t.Fatalf("read VmHWM of process %d: %v", p.ID(), err)
	}
	return kib << 10
}
