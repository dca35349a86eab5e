package stats

// Funnel is the control limits of a funnel plot (漏斗图) for a rate of n responses,
// if the true rate is num/den: it lies between them with probability p, such as 0.95 or
// 0.998 (D. J. Spiegelhalter, 2005, Funnel plots for comparing institutional
// performance, Statistics in Medicine 24, appendix A.1.1). They are exact binomial
// quantiles r, interpolated:
//
//	( r − α ) / n,  α = ( F(r) − q ) / ( F(r) − F(r−1) ),  q = (1 ± p) / 2
//
// It wants 0 ≤ num ≤ den, 0 < den and 0 < n. Both are from 0 to 1.
func Funnel(n, num, den int64, p float64) (low, high float64) {
	switch {
	case num <= 0:
		return 0, 0
	case num >= den:
		return 1, 1
	}
	first, weights, total := binomialWeights(n, float64(num)/float64(den))
	quantile := func(q float64) float64 {
		below := 0.0
		for i, w := range weights {
			if next := below + w; next >= q*total || i == len(weights)-1 {
				r := float64(first + int64(i))
				return min(1, max(0, (r-(next-q*total)/w)/float64(n)))
			}
			below += w
		}
		return 1
	}
	return quantile((1 - p) / 2), quantile((1 + p) / 2)
}

// binomialWeights is what the probabilities of first, first+1, … successes are
// proportional to, and their sum. They are made from the most likely number outwards,
// each from its neighbour, until they no longer matter.
func binomialWeights(n int64, p float64) (first int64, weights []float64, total float64) {
	mode := min(n, int64(float64(n+1)*p))
	odds := p / (1 - p)
	const least = 1e-20
	var down []float64
	for x, w := mode, 1.0; x > 0 && w > least; x-- {
		w *= float64(x) / (float64(n-x+1) * odds)
		down = append(down, w)
	}
	first = mode - int64(len(down))
	for i := range down {
		weights = append(weights, down[len(down)-1-i])
	}
	weights = append(weights, 1)
	for x, w := mode, 1.0; x < n && w > least; x++ {
		w *= float64(n-x) * odds / float64(x+1)
		weights = append(weights, w)
	}
	for _, w := range weights {
		total += w
	}
	return first, weights, total
}
