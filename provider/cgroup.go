package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"sluice/metrics"
)

// CgroupRoot is where control groups of version 2 are mounted.
const CgroupRoot = "/sys/fs/cgroup"

// cgroup is a control group of version 2 on this machine (kernel.org/doc/html/latest/admin-guide/cgroup-v2.html).
type cgroup struct {
	root, group string
	now         func() time.Time

	used time.Duration // processor time at the look before
	at   time.Time
}

// NewCgroup makes the Hosts of a backend that runs in a control group, a path below root.
func NewCgroup(root, group string) Hosts { return &cgroup{root: root, group: group, now: time.Now} }

// Read looks at the group's files.
func (c *cgroup) Read(context.Context) (out Usage) {
	out[metrics.CPU].Ratio, out[metrics.CPU].Err = c.cpu()
	out[metrics.Memory].Ratio, out[metrics.Memory].Err = c.memory()
	return out
}

// cpu is the processor time since the look before, as a share of what the group gets.
func (c *cgroup) cpu() (float64, error) {
	used, err := c.value("cpu.stat", "usage_usec")
	if err != nil {
		return 0, err
	}
	processors := float64(runtime.NumCPU())
	err = c.above(func(dir string) error {
		quota, period, err := quotaOf(dir)
		if err == nil && quota > 0 {
			processors = min(processors, quota/period)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	before, beforeAt := c.used, c.at
	c.used, c.at = time.Duration(used)*time.Microsecond, c.now()
	passed := c.at.Sub(beforeAt)
	switch {
	case beforeAt.IsZero():
		return 0, errFirst
	case passed <= 0 || c.used < before:
		return 0, errors.New("cpu.stat did not go on")
	}
	return (c.used - before).Seconds() / (passed.Seconds() * processors), nil
}

// quotaOf reads cpu.max: "max 100000", or "200000 100000" for two processors; 0 is no limit.
func quotaOf(dir string) (quota, period float64, err error) {
	text, err := read(dir, "cpu.max")
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil // the root has none
	}
	words := strings.Fields(text)
	if err != nil || len(words) == 0 || words[0] == "max" {
		return 0, 0, err
	}
	period = 100_000
	quota, err = strconv.ParseFloat(words[0], 64)
	if err == nil && len(words) > 1 {
		period, err = strconv.ParseFloat(words[1], 64)
	}
	if err != nil || !(quota > 0) || !(period > 0) {
		return 0, 0, errors.New("cpu.max can't be read")
	}
	return quota, period, nil
}

// memory is what the group has, without what the kernel can take back at once, as a share of what it may have.
func (c *cgroup) memory() (float64, error) {
	current, err := c.value("memory.current", "")
	if err != nil {
		return 0, err
	}
	if idle, err := c.value("memory.stat", "inactive_file"); err == nil {
		current -= min(idle, current)
	}
	most := math.Inf(1)
	err = c.above(func(dir string) error {
		text, err := read(dir, "memory.max")
		if errors.Is(err, fs.ErrNotExist) || text == "max" {
			return nil
		}
		v, bad := strconv.ParseFloat(text, 64)
		if err == nil && (bad != nil || !(v > 0)) {
			err = errors.New("memory.max can't be read")
		}
		most = min(most, v)
		return err
	})
	if err == nil && math.IsInf(most, 1) {
		most, err = machineMemory("/proc/meminfo")
	}
	if err != nil {
		return 0, err
	}
	return current / most, nil
}

// above calls f for the group and for each one that it is in.
func (c *cgroup) above(f func(dir string) error) error {
	for g := path.Clean("/" + c.group); ; g = path.Dir(g) {
		if err := f(filepath.Join(c.root, g)); err != nil || g == "/" {
			return err
		}
	}
}

// value is a number in one of the group's files, the one behind a key or the only one.
func (c *cgroup) value(file, key string) (float64, error) {
	text, err := read(filepath.Join(c.root, path.Clean("/"+c.group)), file)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("there is no %s of control group %s (version 2)", file, c.group)
	}
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if key != "" && (len(words) != 2 || words[0] != key) || len(words) == 0 {
			continue
		}
		if v, err := strconv.ParseFloat(words[len(words)-1], 64); err == nil && v >= 0 {
			return v, nil
		}
	}
	return 0, fmt.Errorf("%s can't be read", file)
}

func read(dir, file string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, file))
	var p *fs.PathError
	if errors.As(err, &p) && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s can't be read: %w", file, p.Err)
	}
	return string(bytes.TrimSpace(b)), err
}

// machineMemory is what the machine has.
func machineMemory(file string) (float64, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, errors.New("the machine's memory is not known")
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
			if err == nil && kb > 0 {
				return kb * 1024, nil
			}
		}
	}
	return 0, errors.New("the machine's memory is not known")
}
