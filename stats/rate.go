package stats

import (
	"encoding/json"
	"math"
	"strconv"
)

// Count is a number of responses or visits, or one of the two marks below in
// place of a number that is not shown.
type Count int64

// Marks for counts that are not shown.
const (
	Withheld Count = -1 // not shown
	Few      Count = -2 // not shown, but known to be from 1 to 4
)

// Shown reports whether the count is a number.
func (c Count) Shown() bool { return c >= 0 }

// String is the number, "*" or "<5".
func (c Count) String() string {
	switch {
	case c == Few:
		return "<" + strconv.Itoa(smallest)
	case c < 0:
		return "*"
	}
	return strconv.FormatInt(int64(c), 10)
}

// MarshalJSON writes the number, or null when it is not shown.
func (c Count) MarshalJSON() ([]byte, error) {
	if !c.Shown() {
		return []byte("null"), nil
	}
	return strconv.AppendInt(nil, int64(c), 10), nil
}

// Ratio is a part of a whole. Both are kept, because a rate without its
// denominator cannot be judged.
type Ratio struct{ Num, Den int64 }

var withheldRatio = Ratio{Num: int64(Withheld), Den: int64(Withheld)}

// Value is Num/Den from 0 to 1. ok is false when there is none (无): nothing to
// divide by, or not shown.
func (r Ratio) Value() (v float64, ok bool) {
	if r.Den <= 0 {
		return 0, false
	}
	return float64(r.Num) / float64(r.Den), true
}

// Shown is false when the ratio is hidden from the viewer.
func (r Ratio) Shown() bool { return r.Den >= 0 }

// MarshalJSON writes {"rate", "num", "den"}; the rate is null when there is none.
func (r Ratio) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Rate *float64 `json:"rate"`
		Num  Count    `json:"num"`
		Den  Count    `json:"den"`
	}{pointer(r.Value()), Count(r.Num), Count(r.Den)})
}

// Interval is a range from Low to High, both from 0 to 1.
type Interval struct{ Low, High float64 }

// z95 is the 97.5 % point of the normal distribution.
const z95 = 1.959963984540054

// Wilson is the 95 % score interval for x of n (E. B. Wilson, 1927, Journal of
// the American Statistical Association 22), without continuity correction:
//
//	( x + z²/2 ± z √( x(n−x)/n + z²/4 ) ) / ( n + z² )
//
// It wants 0 ≤ x ≤ n. Nothing is known from n = 0, so that gives 0 to 1.
func Wilson(x, n int64) Interval { return wilson(x, n, z95) }

func wilson(x, n int64, z float64) Interval {
	if n <= 0 {
		return Interval{0, 1}
	}
	fx, fn := float64(x), float64(n)
	mid := fx + z*z/2
	half := z * math.Sqrt(fx*float64(n-x)/fn+z*z/4)
	i := Interval{(mid - half) / (fn + z*z), (mid + half) / (fn + z*z)}
	// The ends are exact; rounding must not put 100 % at 99.999…9 %.
	if x == 0 {
		i.Low = 0
	}
	if x == n {
		i.High = 1
	}
	return i
}

// Newcombe is the score interval for the difference a − b of two shares of different
// people, from −1 to 1, where z is the point of the normal distribution that goes with
// its confidence (R. G. Newcombe, 1998, Statistics in Medicine 17, method 10). With
// the Wilson intervals l to u of both shares it is
//
//	d − √( (a−lₐ)² + (u_b−b)² )  to  d + √( (uₐ−a)² + (b−l_b)² )
//
// It wants both denominators above 0.
func Newcombe(a, b Ratio, z float64) Interval {
	pa, _ := a.Value()
	pb, _ := b.Value()
	ia, ib := wilson(a.Num, a.Den, z), wilson(b.Num, b.Den, z)
	return Interval{pa - pb - math.Hypot(pa-ia.Low, ib.High-pb), pa - pb + math.Hypot(ia.High-pa, pb-ib.Low)}
}

// Rate is a ratio of responses with its 95 % interval.
type Rate struct {
	Ratio
	Interval
}

// NewRate is num of den with its Wilson interval.
func NewRate(num, den int64) Rate { return Rate{Ratio{num, den}, Wilson(num, den)} }

// MarshalJSON writes {"rate", "low", "high", "num", "den"}; the first three are
// null when there is no rate.
func (r Rate) MarshalJSON() ([]byte, error) {
	_, ok := r.Value()
	return json.Marshal(struct {
		Rate *float64 `json:"rate"`
		Low  *float64 `json:"low"`
		High *float64 `json:"high"`
		Num  Count    `json:"num"`
		Den  Count    `json:"den"`
	}{pointer(r.Value()), pointer(r.Low, ok), pointer(r.High, ok), Count(r.Num), Count(r.Den)})
}

// UnmarshalJSON reads what MarshalJSON wrote of a rate that is shown.
func (r *Rate) UnmarshalJSON(doc []byte) error {
	var counts struct{ Num, Den int64 }
	if err := json.Unmarshal(doc, &counts); err != nil {
		return err
	}
	*r = NewRate(counts.Num, counts.Den)
	return nil
}

// Mean is a sum of points over n responses.
type Mean struct {
	Sum float64
	N   int64
}

// Value is Sum/N in points; ok is false when there is none (无).
func (m Mean) Value() (v float64, ok bool) {
	if m.N <= 0 {
		return 0, false
	}
	return m.Sum / float64(m.N), true
}

// MarshalJSON writes the mean, or null when there is none.
func (m Mean) MarshalJSON() ([]byte, error) { return json.Marshal(pointer(m.Value())) }

// pointer is nil, which JSON writes as null, for a value there is none of.
func pointer(v float64, ok bool) *float64 {
	if !ok {
		return nil
	}
	return &v
}
