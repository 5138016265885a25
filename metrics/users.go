package metrics

// Sides are numbers of users by side.
type Sides struct {
	Canary uint64 `json:"canary"`
	Stable uint64 `json:"stable"`
	// Mimic are those of Stable who play the canary.
	Mimic uint64 `json:"-"`
}

// sides are the numbers of the three sides.
func sides(of func(Side) uint64) Sides {
	mimic := of(MimicSide)
	return Sides{Canary: of(CanarySide), Stable: of(StableSide) + mimic, Mimic: mimic}
}

func (s Sides) plus(o Sides) Sides {
	return Sides{Canary: s.Canary + o.Canary, Stable: s.Stable + o.Stable, Mimic: s.Mimic + o.Mimic}
}

func (s Sides) minus(o Sides) Sides {
	return Sides{Canary: s.Canary - o.Canary, Stable: s.Stable - o.Stable, Mimic: s.Mimic - o.Mimic}
}

// Control is what became of stable's users alone, with the mimics as the canary's.
func (u *Users) Control(to *Users) {
	to.Open = u.Open
	for j := range u.Risk {
		to.Risk[j] = Sides{Canary: u.Risk[j].Mimic, Stable: u.Risk[j].Stable - u.Risk[j].Mimic}
		to.Failed[j] = Sides{Canary: u.Failed[j].Mimic, Stable: u.Failed[j].Stable - u.Failed[j].Mimic}
	}
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
		failed := sides(func(s Side) uint64 { return k.failed[j][s].Load() })
		u.Failed[j] = failed.minus(r.seen[j])
		r.seen[j] = failed
		u.Risk[j] = sides(func(s Side) uint64 { return riskWord.read(&k.risk[j][s], tag) }).plus(u.Failed[j])
	}
}
