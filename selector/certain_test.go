package selector

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"sluice/identity"
	"sluice/request"
	"sluice/request/requesttest"
)

func TestCertainIsWhatEveryDrawGives(t *testing.T) {
	t.Parallel()
	rules := []Rule{
		{Reason: Beta, Users: NewUserList([]string{"ann"}), To: ToCanary, Percent: fullWeight, Measure: true},
		{Reason: Segment, Segments: []string{"free"}, To: ToCanary, Percent: 4000, Measure: true},
		{Reason: Match, Match: &request.Condition{Methods: []string{"PUT"}}, To: 2, Percent: 0},
	}
	splits := map[string]Split{
		"no canary":            {Canary: -1, PairWeight: fullWeight},
		"canary at 0":          {Canary: 1, PairWeight: fullWeight, Trial: true, Step: 1},
		"shared":               {Canary: 1, CanaryWeight: 2500, PairWeight: fullWeight, Trial: true, Step: 1},
		"canary has all":       {Canary: 1, CanaryWeight: fullWeight, PairWeight: fullWeight, Trial: true, Step: 1},
		"a further one of 0":   {Canary: -1, PairWeight: fullWeight, Further: []Share{{Backend: 2}}},
		"a further one":        {Canary: -1, PairWeight: 9000, Further: []Share{{Backend: 2, Weight: 1000}}},
		"a further one of all": {Canary: 1, Further: []Share{{Backend: 2, Weight: fullWeight}}},
	}
	users := map[string]identity.User{
		"nobody": {}, "ann": {Trusted: []byte("ann")}, "free": {Segment: []byte("free")}, "both": {Trusted: []byte("ann"), Segment: []byte("free")},
	}
	random := rand.New(rand.NewPCG(1, 2))
	for name, split := range splits {
		s := New(Config{Route: "shop", Rules: rules, Sticky: []StickyBy{{Kind: ByHeader, Name: "x-user"}}}, split)
		for who, u := range users {
			v := &requesttest.View{Verb: "PUT"}
			certain, ok := s.Certain(v, u)
			seen := map[string]bool{}
			for range 2000 {
				c := s.Pick(v, u, Draw{random.Uint64(), random.Uint64()})
				seen[fmt.Sprint(c.Backend, c.Reason)] = true
				if ok && (c.Backend != certain.Backend || c.Reason != certain.Reason) {
					t.Fatalf("%s, %s: certainly %+v, but picked %+v", name, who, certain, c)
				}
			}
			if !ok && len(seen) == 1 {
				t.Errorf("%s, %s: not certain, but every draw gives the same", name, who)
			}
		}
	}
}
