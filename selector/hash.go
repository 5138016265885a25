package selector

import (
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// fullWeight is everything, in basis points.
const fullWeight = 10000

// saltOf is the salt of one of the draws. The purpose keeps draws apart that are salted by the same name.
func saltOf(purpose, name string) uint64 {
	return xxhash.Sum64String(purpose + "\x00" + name)
}

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014; constants of Stafford's variant 13). A hash XORed with
// two salts gives, mixed, two independent draws. Changing it reshuffles every user: the golden vectors stop that.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// below says whether the draw u, scaled to [0, whole), falls below share. A larger share only ever adds draws; 0 takes
// none and whole takes all. The error of the scaling is under whole/2^64.
func below(u uint64, whole, share uint32) bool {
	scaled, _ := bits.Mul64(u, uint64(whole))
	return scaled < uint64(share)
}
