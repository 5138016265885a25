package testkit

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// binary is built at most once in a test run; Main removes its folder.
var binary struct {
	once   sync.Once
	folder string
	failed string
}

// Main runs the tests of a package that uses Binary, and removes what was built. Most of such tests wait for a process and not for a
// processor, so more of them run at a time than there are processors, unless -parallel says otherwise.
func Main(m *testing.M) int {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", "6")
	}
	defer func() { _ = os.RemoveAll(binary.folder) }()
	return m.Run()
}

// Binary is the path of the proxy, built from this tree when it is first asked for; race-enabled in a race-enabled test.
func Binary(t testing.TB) string {
	t.Helper()
	binary.once.Do(build)
	if binary.failed != "" {
		t.Fatalf("build the proxy: %s", binary.failed)
	}
	return filepath.Join(binary.folder, "sluice")
}

func build() {
	folder, err := os.MkdirTemp("", "sluice-e2e-")
	if err != nil {
		binary.failed = err.Error()
		return
	}
	binary.folder = folder
	// Without the profile, which would have the standard library compiled once more: a minute of processor time.
	args := []string{"build", "-pgo=off", "-o", filepath.Join(folder, "sluice")}
	if Race {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "sluice/cmd/sluice")...).CombinedOutput()
	if err != nil {
		binary.failed = err.Error() + "\n" + string(out)
	}
}
