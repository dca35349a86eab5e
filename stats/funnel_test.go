package stats

import (
	"math"
	"math/big"
	"testing"
)

// cdf is the binomial distribution by exact fractions, which [Funnel] does not use.
func cdf(n, num, den int64) []float64 {
	all := new(big.Int).Exp(big.NewInt(den), big.NewInt(n), nil)
	sum := new(big.Int)
	f := make([]float64, n+1)
	for x := range n + 1 {
		w := new(big.Int).Binomial(n, x)
		w.Mul(w, new(big.Int).Exp(big.NewInt(num), big.NewInt(x), nil))
		w.Mul(w, new(big.Int).Exp(big.NewInt(den-num), big.NewInt(n-x), nil))
		f[x], _ = new(big.Rat).SetFrac(sum.Add(sum, w), all).Float64()
	}
	return f
}

func TestFunnelIsTheInterpolatedQuantile(t *testing.T) {
	for _, c := range [][3]int64{{1, 1, 2}, {5, 9, 10}, {30, 19, 20}, {100, 3, 4}, {200, 97, 100}, {400, 999, 1000}} {
		n, f := c[0], cdf(c[0], c[1], c[2])
		want := func(q float64) float64 {
			r := 0
			for f[r] < q {
				r++
			}
			before := 0.0
			if r > 0 {
				before = f[r-1]
			}
			return min(1, max(0, (float64(r)-(f[r]-q)/(f[r]-before))/float64(n)))
		}
		for _, p := range []float64{0.95, 0.998} {
			low, high := Funnel(n, c[1], c[2], p)
			if l, h := want((1-p)/2), want((1+p)/2); math.Abs(low-l) > 1e-9 || math.Abs(high-h) > 1e-9 {
				t.Errorf("Funnel(%v, %v) = %.10f, %.10f, want %.10f, %.10f", c, p, low, high, l, h)
			}
		}
	}
}

// TestFunnelOfMany: with many responses the limits are those of the normal
// distribution, whose points 1.959964 and 3.090232 stand in any table.
func TestFunnelOfMany(t *testing.T) {
	for _, n := range []int64{100_000, 1_000_000, 40_000_000} {
		sd := math.Sqrt(0.8 * 0.2 / float64(n))
		for p, z := range map[float64]float64{0.95: 1.959964, 0.998: 3.090232} {
			low, high := Funnel(n, 4, 5, p)
			if math.Abs((0.8-low)/sd-z) > 0.02 || math.Abs((high-0.8)/sd-z) > 0.02 {
				t.Errorf("n = %d, p = %v: %v and %v standard deviations, want %v", n, p, (0.8-low)/sd, (high-0.8)/sd, z)
			}
		}
	}
}

func TestFunnelAtTheEnds(t *testing.T) {
	if low, high := Funnel(10, 0, 7, 0.95); low != 0 || high != 0 {
		t.Errorf("of none: %v, %v", low, high)
	}
	if low, high := Funnel(10, 7, 7, 0.998); low != 1 || high != 1 {
		t.Errorf("of all: %v, %v", low, high)
	}
}
