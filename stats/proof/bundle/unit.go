package bundle

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"manyi/stats/sheet"
	"manyi/survey"
)

// cells counts responses by channel and level.
type cells map[string]*sheet.Levels

func (c cells) add(channel string, level survey.Level, n int64) {
	if c[channel] == nil {
		c[channel] = &sheet.Levels{}
	}
	c[channel][level-survey.VerySatisfied] += n
}

func (c cells) merge(o cells, sign int64) {
	for channel, levels := range o {
		for i, n := range levels {
			c.add(channel, survey.Levels[i], sign*n)
		}
	}
}

// minus is these cells without others.
func (c cells) minus(o cells) cells {
	left := cells{}
	left.merge(c, 1)
	left.merge(o, -1)
	return left
}

// sum is the cells without channels.
func (c cells) sum() (all sheet.Levels) {
	for _, levels := range c {
		for i, n := range levels {
			all[i] += n
		}
	}
	return all
}

func (c cells) n() int64    { all := c.sum(); return all.N() }
func (c cells) good() int64 { all := c.sum(); return all.Good() }

// told reports whether numbers are none or large enough.
func told(least int64, numbers ...int64) bool {
	return !slices.ContainsFunc(numbers, func(n int64) bool { return n != 0 && n < least })
}

func split(l sheet.Levels) []int64 { return []int64{l.Good(), l.N() - l.Good()} }

// fits reports whether every number that is told of cells is none or large enough.
func (c cells) fits(least int64, channels, levels bool) bool {
	rows := []sheet.Levels{c.sum()}
	if channels {
		rows = rows[:0]
		for _, l := range c {
			rows = append(rows, *l)
		}
	}
	for _, l := range rows {
		if !told(least, split(l)...) || levels && !told(least, l[:]...) {
			return false
		}
	}
	return true
}

// counts are the cells as far as they are told. Channels without any are left out.
func (c cells) counts(channels, levels bool) map[string]sheet.Counts {
	out := map[string]sheet.Counts{}
	put := func(channel string, l sheet.Levels) {
		if l.N() == 0 {
			return
		}
		n := sheet.Counts{N: l.N(), Good: l.Good()}
		if levels {
			n.Levels = &l
		}
		out[channel] = n
	}
	if !channels {
		put(sheet.AllChannels, c.sum())
		return out
	}
	for channel, l := range c {
		put(channel, *l)
	}
	return out
}

// tally is what was counted of a bureau, or of several. Every response of the period
// is in all; those that do not count because another for their case does are in
// superseded, and those others in winners if both are of this tally.
type tally struct {
	all, superseded, winners      cells
	notAdopted, notAdoptedOfThose cells // of all; of them those superseded
	elsewhere                     int64 // superseded by what is in another tally
}

func newTally() *tally {
	return &tally{all: cells{}, superseded: cells{}, winners: cells{}, notAdopted: cells{}, notAdoptedOfThose: cells{}}
}

func (t *tally) merge(o *tally) {
	t.all.merge(o.all, 1)
	t.superseded.merge(o.superseded, 1)
	t.winners.merge(o.winners, 1)
	t.notAdopted.merge(o.notAdopted, 1)
	t.notAdoptedOfThose.merge(o.notAdoptedOfThose, 1)
	t.elsewhere += o.elsewhere
}

// counted is what counts.
func (t *tally) counted() cells { return t.all.minus(t.superseded) }

// fits reports whether the tally can be told, whether or not those superseded are.
func (t *tally) fits(least int64, channels, levels bool) bool {
	return t.all.fits(least, channels, levels) && t.counted().fits(least, channels, levels)
}

// group is bureaus that are counted together.
type group struct {
	place   string // of several: what they are all in
	bureaus []string
	*tally
}

// pool decides which bureaus stand alone: bureaus whose good and bad are each none or
// at least the least number. The others are pooled within their city, and where that
// does not help in the province, each with the smallest that is at hand.
func pool(least int64, bureaus []string, of map[string]*tally, cityOf func(string) string, province string) []group {
	cities := map[string][]group{}
	for _, b := range bureaus {
		cities[cityOf(b)] = append(cities[cityOf(b)], group{b, []string{b}, of[b]})
	}
	var out []group
	rest := group{place: province, tally: newTally()}
	for city, members := range cities {
		pooled, alone := gather(least, group{place: city, tally: newTally()}, members)
		out = append(out, alone...)
		switch {
		case len(pooled.bureaus) == 0:
		case city == "" || !settled(least, pooled):
			rest = rest.with(pooled)
		default:
			out = append(out, pooled)
		}
	}
	if len(rest.bureaus) > 0 {
		slices.SortFunc(out, func(a, b group) int { return strings.Compare(a.place, b.place) })
		for !settled(least, rest) {
			i := smallest(out)
			if i < 0 {
				break // all there is
			}
			rest = rest.with(out[i])
			out = slices.Delete(out, i, i+1)
		}
		out = append(out, rest)
	}
	for i := range out {
		slices.Sort(out[i].bureaus)
	}
	slices.SortFunc(out, func(a, b group) int {
		return cmp.Or(strings.Compare(a.place, b.place))
	})
	return out
}

func (g group) with(o group) group {
	g.bureaus = slices.Concat(g.bureaus, o.bureaus)
	t := newTally()
	t.merge(g.tally)
	t.merge(o.tally)
	g.tally = t
	return g
}

// gather takes those that cannot stand alone out of members, and as many more as it needs.
func gather(least int64, pooled group, members []group) (group, []group) {
	var alone []group
	for _, m := range members {
		if m.fits(least, false, false) {
			alone = append(alone, m)
		} else {
			pooled = pooled.with(m)
		}
	}
	for len(pooled.bureaus) > 0 && !settled(least, pooled) {
		i := smallest(alone)
		if i < 0 {
			break
		}
		pooled = pooled.with(alone[i])
		alone = slices.Delete(alone, i, i+1)
	}
	return pooled, alone
}

// settled reports whether a pool can be told: its numbers fit, and it is of several.
func settled(least int64, g group) bool {
	return len(g.bureaus) > 1 && g.fits(least, false, false)
}

// smallest is the index of the group with the fewest responses, but some: one that has
// none hides nobody.
func smallest(groups []group) int {
	at := -1
	for i, g := range groups {
		if n := g.all.n(); n > 0 && (at < 0 || n < groups[at].all.n()) {
			at = i
		}
	}
	return at
}

// unit is what is told of a group.
func (g group) unit(least int64) sheet.Unit {
	u := sheet.Unit{Place: g.place, Counted: map[string]sheet.Counts{}}
	if len(g.bureaus) > 1 || g.bureaus[0] != g.place {
		u.Pooled = g.bureaus
	}
	if !g.fits(least, false, false) {
		u.Merged = []sheet.Merged{sheet.MergedCounts, sheet.MergedChannels, sheet.MergedLevels, sheet.MergedNotAdopted, sheet.MergedSuperseded}
		return u
	}
	channels := g.fits(least, true, false)
	levels := g.fits(least, channels, true)
	counted, out := g.counted(), g.notAdopted.minus(g.notAdoptedOfThose)
	superseded := g.elsewhere == 0 && told(least, g.superseded.n()) &&
		g.winners.fits(least, channels, levels) && counted.minus(g.winners).fits(least, channels, levels)
	if !superseded {
		counted, out = g.all, g.notAdopted
	}
	notAdopted := out.fits(least, channels, levels) && counted.minus(out).fits(least, channels, levels)
	for _, m := range []struct {
		what sheet.Merged
		told bool
	}{{sheet.MergedChannels, channels}, {sheet.MergedLevels, levels}, {sheet.MergedNotAdopted, notAdopted}, {sheet.MergedSuperseded, superseded}} {
		if !m.told {
			u.Merged = append(u.Merged, m.what)
		}
	}
	u.Counted = counted.counts(channels, levels)
	if notAdopted {
		u.NotAdopted = out.counts(channels, levels)
	}
	if superseded {
		u.Superseded = g.superseded.n()
	}
	return u
}

func sortedKeys(m map[string]sheet.Counts) []string { return slices.Sorted(maps.Keys(m)) }
