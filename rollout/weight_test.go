package rollout

import (
	"encoding/json"
	"testing"
)

func TestAWeightIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	for w := Weight(0); w <= Full; w++ {
		b, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		var got Weight
		if err := json.Unmarshal(b, &got); err != nil || got != w {
			t.Fatalf("%s = %d, %v, want %d", b, got, err, w)
		}
	}
}

func TestAWeightThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"-1", "-0.01", "100.01", "101", "1e9", "5.001", "33.333", "NaN", `"5%"`, `"5"`, "true", "1e400", "[5]", "{}"} {
		var w Weight
		if err := json.Unmarshal([]byte(text), &w); err == nil {
			t.Errorf("%s = %s, want an error", text, w)
		}
	}
	for text, want := range map[string]Weight{"5": 500, "5.0": 500, "5.25": 525, "1e1": 1000, "100": Full, "0": 0, "-0": 0, "0.010": 1} {
		var w Weight
		if err := json.Unmarshal([]byte(text), &w); err != nil || w != want {
			t.Errorf("%s = %s, %v, want %s", text, w, err, want)
		}
	}
}
