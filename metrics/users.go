package metrics

// Sides are numbers of users by side.
type Sides struct {
	Canary uint64 `json:"canary"`
	Stable uint64 `json:"stable"`
}

// Users is what became of users since the last reading, by class: 0 for those who never failed in the attempt, else one more than the
// component in which they failed last.
type Users struct {
	// Open components.
	Open int
	// Risk are the users of this epoch, with those of them who failed since the last reading under the class that they had before.
	Risk [MaxComponents + 1]Sides
	// Failed are those who failed since the last reading.
	Failed [MaxComponents + 1]Sides
}

// UsersReader reads the users of one Keys, from one reading to the next. It is for one goroutine.
type UsersReader struct {
	keys *Keys
	seen [MaxComponents + 1]Sides
}

// Read says what became of users since the last reading; of another Keys it begins anew.
func (r *UsersReader) Read(k *Keys, u *Users) {
	if r.keys != k {
		*r = UsersReader{keys: k}
	}
	now := k.moment()
	tag := riskWord.tag(int64(now.epoch))
	u.Open = int(now.open)
	for j := range u.Failed {
		failed := Sides{Canary: k.failed[j][CanarySide].Load(), Stable: k.failed[j][StableSide].Load()}
		u.Failed[j] = Sides{Canary: failed.Canary - r.seen[j].Canary, Stable: failed.Stable - r.seen[j].Stable}
		r.seen[j] = failed
		u.Risk[j] = Sides{
			Canary: riskWord.read(&k.risk[j][CanarySide], tag) + u.Failed[j].Canary,
			Stable: riskWord.read(&k.risk[j][StableSide], tag) + u.Failed[j].Stable,
		}
	}
}
