package main

import (
	"os/exec"
	"strings"
	"testing"

	"sluice/config"
	"sluice/deploy"
)

func TestTheManualNamesEveryCommandAndExitCode(t *testing.T) {
	t.Parallel()
	r := call(t, nil, "generate", "man")
	if r.code != 0 || r.err != "" {
		t.Fatalf("generate man = %d, %q", r.code, r.err)
	}
	root, _ := newRoot(console{})
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() && !strings.Contains(r.out, "\n.SS "+roff(cmd.Name())) {
			t.Errorf("the manual does not name %s", cmd.Name())
		}
	}
	for _, line := range strings.Split(r.out, "\n") {
		if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") && !strings.Contains(" .TH .SH .SS .TP .PP .B .I .nf .fi ", " "+strings.Fields(line)[0]+" ") {
			t.Errorf("the line %q is a macro by accident", line)
		}
	}
	if !strings.Contains(r.out, ".B 7\n") {
		t.Error("the manual does not name the exit code 7")
	}
}

func TestEveryShellGetsItsCompletion(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if r := call(t, nil, "generate", "completion", shell); r.code != 0 || !strings.Contains(r.out, "sluice") {
			t.Errorf("generate completion %s = %d, %d bytes, %q", shell, r.code, len(r.out), r.err)
		}
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Log("no bash here: its script is not parsed")
		return
	}
	check := exec.Command(bash, "-n")
	check.Stdin = strings.NewReader(call(t, nil, "generate", "completion", "bash").out)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("bash -n of its completion: %v: %s", err, out)
	}
}

func TestWhatShipsIsPrintedAsItIs(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]byte{"schema": config.Schema, "dashboard": deploy.Dashboard, "alerts": deploy.Rules, "systemd": deploy.Service, "systemd --socket": deploy.Socket} {
		if r := call(t, nil, append([]string{"generate"}, strings.Fields(name)...)...); r.code != 0 || r.out != string(want) || len(want) < 300 {
			t.Errorf("generate %s = %d, %d bytes, want %d", name, r.code, len(r.out), len(want))
		}
	}
}
