package rollout

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// runJournal runs a journal until the returned function is called, which waits for its end.
func runJournal(t *testing.T, j *Journal) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	}
}

func decision(route string, seq int) Decision {
	return Decision{Route: route, Seq: uint64(seq), Action: "advance", Sentence: strings.Repeat("x", 100)}
}

func seqs(ds []Decision) (out []int) {
	for _, d := range ds {
		out = append(out, int(d.Seq))
	}
	return out
}

func TestDecisionsAreThereAtOnceAndAfterARestartNewestFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := OpenJournal(dir)
	stop := runJournal(t, j)
	for seq := range 5 {
		j.Add(decision("shop", seq))
		j.Add(decision("cart", 10+seq))
	}
	if got, want := seqs(j.Last("shop", 3)), []int{4, 3, 2}; !slices.Equal(got, want) {
		t.Errorf("Last = %v, want %v", got, want)
	}
	stop()
	j = OpenJournal(dir)
	if got, want := seqs(j.Last("shop", 3)), []int{4, 3, 2}; !slices.Equal(got, want) {
		t.Errorf("Last after a restart = %v, want %v", got, want)
	}
	if got, want := seqs(j.Last("cart", 50)), []int{14, 13, 12, 11, 10}; !slices.Equal(got, want) {
		t.Errorf("Last after a restart = %v, want %v", got, want)
	}
	if got := j.Last("none", 3); len(got) != 0 {
		t.Errorf("Last of an unknown route = %v", got)
	}
}

func TestATornLastLineIsLeftOutAndTheNextOneIsWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := OpenJournal(dir)
	stop := runJournal(t, j)
	j.Add(decision("shop", 1))
	stop()
	path := filepath.Join(dir, "journal.jsonl")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(b, b[:40]...), 0o600); err != nil {
		t.Fatal(err)
	}
	j = OpenJournal(dir)
	stop = runJournal(t, j)
	j.Add(decision("shop", 2))
	stop()
	if got, want := seqs(OpenJournal(dir).Last("shop", 9)), []int{2, 1}; !slices.Equal(got, want) {
		t.Errorf("Last = %v, want %v", got, want)
	}
}

func TestADiskThatFailsKeepsTheLinesForLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "state")
		j := OpenJournal(dir)
		stop := runJournal(t, j)
		j.Add(decision("shop", 1))
		j.Add(decision("shop", 2))
		time.Sleep(3 * time.Second)
		if j.WriteErrors() == 0 {
			t.Error("WriteErrors = 0 without a folder")
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		stop()
		if got, want := seqs(OpenJournal(dir).Last("shop", 9)), []int{2, 1}; !slices.Equal(got, want) {
			t.Errorf("Last = %v, want %v", got, want)
		}
	})
}

func TestTheJournalIsRotatedAndReadOnOverTheRotation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "journal.jsonl")
	full := bytes.Repeat([]byte(`{"route":"shop","seq":1}`+"\n"), journalSize/25)
	if err := os.WriteFile(path, full, 0o600); err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= journalOld; i++ {
		if err := os.WriteFile(fmt.Sprintf("%s.%d", path, i), []byte("{}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	j := OpenJournal(dir)
	stop := runJournal(t, j)
	j.Add(decision("shop", 2))
	stop()
	if info, err := os.Stat(path); err != nil || info.Size() > 1000 {
		t.Errorf("journal.jsonl after the rotation: %v, %v", info, err)
	}
	if _, err := os.Stat(fmt.Sprintf("%s.%d", path, journalOld+1)); err == nil {
		t.Error("one file too many is kept")
	}
	if got, want := seqs(OpenJournal(dir).Last("shop", 2)), []int{2, 1}; !slices.Equal(got, want) {
		t.Errorf("Last = %v, want %v", got, want)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	j := OpenJournal("")
	for seq := range 10 * journalKeep {
		j.Add(decision("shop", seq))
	}
	if got := len(j.Last("shop", 1<<30)); got < journalKeep || got > 2*journalKeep {
		t.Errorf("%d decisions are kept", got)
	}
}
