package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// analyse runs systemd-analyze over the units, with this program in place of those that they start.
func analyse(t *testing.T, args ...string) (string, error) {
	t.Helper()
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("systemd-analyze is missing: install it (apt-get install systemd); `make needs` does so as root")
		}
		t.Skip("systemd-analyze is missing")
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, unit := range map[string][]byte{"sluice.service": Service, "sluice.socket": Socket} {
		text := strings.ReplaceAll(string(unit), "/usr/bin/sluice", self)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, a := range args {
		if strings.HasSuffix(a, ".service") || strings.HasSuffix(a, ".socket") {
			args[i] = filepath.Join(dir, a)
		}
	}
	out, err := exec.Command(tool, args...).CombinedOutput()
	return string(out), err
}

func TestSystemdTakesTheUnits(t *testing.T) {
	t.Parallel()
	out, err := analyse(t, "verify", "--man=no", "sluice.service", "sluice.socket")
	if err != nil || strings.Contains(out, "sluice.") {
		t.Errorf("systemd-analyze verify: %v: %s", err, out)
	}
}

func TestTheServiceIsHardened(t *testing.T) {
	t.Parallel()
	out, err := analyse(t, "security", "--offline=true", "sluice.service")
	if err != nil {
		t.Fatalf("systemd-analyze security: %v: %s", err, out)
	}
	level := regexp.MustCompile(`exposure level for .*: ([0-9.]+)`).FindStringSubmatch(out)
	if level == nil {
		t.Fatalf("no level in %s", out)
	}
	// 0 is nothing left to take from an attacker, 10 is everything; a unit without a word on it has 9.6.
	if exposed, err := strconv.ParseFloat(level[1], 64); err != nil || exposed > 2 {
		t.Errorf("exposure %s, want at most 2:\n%s", level[1], out)
	}
}
