package analysis

// Verdict is what a check says, with its numbers: the entry of `checks` in the admin API and the journal. Values are in Unit.
type Verdict struct {
	Name          string  `json:"name"`
	Metric        string  `json:"metric"`
	Unit          string  `json:"unit"`    // percent | ms
	Verdict       string  `json:"verdict"` // pass | fail | insufficient
	Value         float64 `json:"value"`
	StableValue   float64 `json:"stableValue"`
	Limit         float64 `json:"limit"`
	Samples       uint64  `json:"samples"`
	StableSamples uint64  `json:"stableSamples"`
	Bad           uint64  `json:"bad"`
	StableBad     uint64  `json:"stableBad"`
	Evidence      float64 `json:"evidence"`
	EvidenceLimit float64 `json:"evidenceLimit"`
	HarmUpper     float64 `json:"harmUpper"`
	DryRun        bool    `json:"dryRun,omitempty"`
}
