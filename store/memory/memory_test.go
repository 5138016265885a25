package memory_test

import (
	"testing"

	"sluice/store"
	"sluice/store/memory"
	"sluice/store/storetest"
)

func TestItKeepsWhatEveryStoreKeeps(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) store.Store { return &memory.Store{} })
}
