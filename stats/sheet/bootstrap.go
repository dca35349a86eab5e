package sheet

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// Resamples is how often the bootstrap draws.
const Resamples = 2000

// bootstrap is the percentile bootstrap interval, 95 %, of a figure of counts (B. Efron
// and R. Tibshirani, 1993, An Introduction to the Bootstrap, chapter 13): the 50th of
// 2,000 resampled figures from below and from above. Counts are drawn as a multinomial.
// The draws follow from the seed, so everybody gets the same, and who publishes cannot
// choose among them: the seed is made of names, not of what was counted.
//
// Where all responses are alike, all resamples are too and the interval has no width,
// unlike that of Wilson: it then says nothing about chance.
func bootstrap(counts []int64, seed string, figure func([]int64) float64) (low, high float64) {
	h := sha256.Sum256([]byte("manyi bootstrap 1\n" + seed))
	rng := rand.NewPCG(binary.BigEndian.Uint64(h[:]), binary.BigEndian.Uint64(h[8:]))
	values := make([]float64, Resamples)
	again := make([]int64, len(counts))
	for i := range values {
		multinomial(rng, counts, again)
		values[i] = figure(again)
	}
	slices.Sort(values)
	const tail = Resamples / 40 // 2.5 %
	return values[tail-1], values[Resamples-tail]
}

// multinomial draws as many as counts has, each with the chance its count has in
// them: one binomial after another, on what is left.
func multinomial(rng *rand.PCG, counts, into []int64) {
	var rest int64
	for _, n := range counts {
		rest += n
	}
	left := rest
	for i, n := range counts {
		into[i] = binomial(rng, left, n, rest)
		left -= into[i]
		rest -= n
	}
}

// binomial is how many of n trials succeed with chance num/den. It is exact, and uses
// integers only, so that every processor draws the same: each trial is a random binary
// fraction compared with that of num/den digit by digit, all trials at once. About half
// of them differ from it at each digit and are decided; their number is the number of
// ones in as many random bits. So a draw costs about 2n random bits, 64 at a time.
func binomial(rng *rand.PCG, n, num, den int64) (wins int64) {
	if num >= den {
		return n
	}
	undecided := n
	for r := num; undecided > 0 && r > 0; {
		digit := r >= den-r
		if digit {
			r -= den - r
		} else {
			r += r
		}
		ones := ones(rng, undecided)
		if digit { // those with a zero lie below it
			wins += undecided - ones
			undecided = ones
		} else { // those with a one lie above it
			undecided -= ones
		}
	}
	return wins
}

// ones is the number of ones in n random bits.
func ones(rng *rand.PCG, n int64) (sum int64) {
	for ; n >= 64; n -= 64 {
		sum += int64(bits.OnesCount64(rng.Uint64()))
	}
	if n > 0 {
		sum += int64(bits.OnesCount64(rng.Uint64() >> (64 - n)))
	}
	return sum
}
