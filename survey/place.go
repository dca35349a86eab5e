package survey

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// Kind is a step of the tree of places.
type Kind string

// The tree: province → city → county → bureau → hall → window. Divisions carry
// their GB/T 2260 code; below them the codes are our own and contain their
// parent's: 350102-HR is a bureau, 350102-HR-01 its first hall,
// 350102-HR-01-003 that hall's third window.
const (
	Province Kind = "province"
	City     Kind = "city"
	County   Kind = "county"
	Bureau   Kind = "bureau"
	Hall     Kind = "hall"
	Window   Kind = "window"
)

// Kinds lists the kinds from the root down.
var Kinds = [...]Kind{Province, City, County, Bureau, Hall, Window}

var codeForm = map[Kind]*regexp.Regexp{
	Province: regexp.MustCompile(`^\d{2}0000$`),
	City:     regexp.MustCompile(`^\d{4}00$`),
	County:   regexp.MustCompile(`^\d{6}$`),
	Bureau:   regexp.MustCompile(`^\d{6}-[A-Z]{2,4}$`),
	Hall:     regexp.MustCompile(`^\d{6}-[A-Z]{2,4}-\d{2}$`),
	Window:   regexp.MustCompile(`^\d{6}-[A-Z]{2,4}-\d{2}-\d{3}$`),
}

// parents lists the kinds a place may hang under. A bureau may answer to a
// province, a city or a county: 平潭综合实验区 reports to the province.
var parents = map[Kind][]Kind{
	Province: nil,
	City:     {Province},
	County:   {City},
	Bureau:   {Province, City, County},
	Hall:     {Bureau},
	Window:   {Hall},
}

// Place is a node of the tree. An inactive place keeps its responses and takes no new ones.
type Place struct {
	Code   string
	Name   string
	Kind   Kind
	Parent string // empty for the province
	Active bool
}

// Why a place was refused.
const (
	WhyMissing        Why = "missing"
	WhyTooLong        Why = "too_long"
	WhyRepeated       Why = "repeated"
	WhyKind           Why = "kind"
	WhyPlaceCode      Why = "place_code"
	WhyParentUnknown  Why = "parent_unknown"
	WhyParentKind     Why = "parent_kind"
	WhyParentCode     Why = "parent_code"
	WhyKindChanged    Why = "kind_changed"
	WhyOutside        Why = "outside"
	WhyColumnMissing  Why = "column_missing"
	WhyControlLetters Why = "control_letters"
	WhySecondProvince Why = "second_province"
	WhyLeftOut        Why = "left_out"
)

// maxName is the longest name of a place or item, in code points.
const maxName = 100

// Tree is a checked set of places. It is immutable and safe to share.
type Tree struct {
	places   map[string]Place
	children map[string][]string
	root     string
}

// NewTree checks the places against each other and returns every fault found.
// Row numbers of the faults count from 2, the first data row of a file.
func NewTree(places []Place) (*Tree, Faults) {
	t := &Tree{places: make(map[string]Place, len(places)), children: map[string][]string{}}
	var faults Faults
	for i, p := range places {
		faults = append(faults, p.faults(i+2)...)
		if _, twice := t.places[p.Code]; twice && p.Code != "" {
			faults = append(faults, Fault{Row: i + 2, Field: "code", Value: p.Code, Why: WhyRepeated})
		}
		t.places[p.Code] = p
		if p.Kind == Province {
			if t.root != "" && t.root != p.Code {
				faults = append(faults, Fault{Row: i + 2, Field: "kind", Value: string(p.Kind), Why: WhySecondProvince})
			}
			t.root = p.Code
		} else {
			t.children[p.Parent] = append(t.children[p.Parent], p.Code)
		}
	}
	for i, p := range places {
		if why := t.parentFault(p); why != "" {
			faults = append(faults, Fault{Row: i + 2, Field: "parent", Value: p.Parent, Why: why})
		}
	}
	for _, c := range t.children {
		slices.Sort(c)
	}
	return t, faults
}

func (p Place) faults(row int) (faults Faults) {
	add := func(field, value string, why Why) {
		faults = append(faults, Fault{Row: row, Field: field, Value: value, Why: why})
	}
	form, known := codeForm[p.Kind]
	switch {
	case p.Code == "":
		add("code", "", WhyMissing)
	case !known:
		add("kind", string(p.Kind), WhyKind)
	case !form.MatchString(p.Code):
		add("code", p.Code, WhyPlaceCode)
	}
	if why := nameFault(p.Name); why != "" {
		add("name", p.Name, why)
	}
	return faults
}

func nameFault(name string) Why {
	switch {
	case strings.TrimSpace(name) == "":
		return WhyMissing
	case runes(name) > maxName:
		return WhyTooLong
	case hasControl(name):
		return WhyControlLetters
	}
	return ""
}

func (t *Tree) parentFault(p Place) Why {
	if p.Kind == Province {
		if p.Parent != "" {
			return WhyParentKind
		}
		return ""
	}
	parent, ok := t.places[p.Parent]
	switch {
	case !ok:
		return WhyParentUnknown
	case !slices.Contains(parents[p.Kind], parent.Kind):
		return WhyParentKind
	case (p.Kind == Hall || p.Kind == Window) && !strings.HasPrefix(p.Code, p.Parent+"-"):
		return WhyParentCode
	}
	return ""
}

// Place returns the place with a code.
func (t *Tree) Place(code string) (Place, bool) {
	p, ok := t.places[code]
	return p, ok
}

// Root is the province's code, empty for an empty tree.
func (t *Tree) Root() string { return t.root }

// Children lists the codes directly under a place, in code order.
func (t *Tree) Children(code string) []string { return t.children[code] }

// Path is the chain from the province down to the place itself.
func (t *Tree) Path(code string) Path {
	var path Path
	for p, ok := t.places[code]; ok && len(path) < len(Kinds); p, ok = t.places[p.Parent] {
		path = append(path, p.Code)
	}
	slices.Reverse(path)
	return path
}

// Above is the nearest place of a kind at or above code. A bureau without a
// city above it answers for itself, so that grouping by city loses nobody:
// then the bureau is returned.
func (t *Tree) Above(code string, kind Kind) string {
	path := t.Path(code)
	for i := len(path) - 1; i >= 0; i-- {
		if t.places[path[i]].Kind == kind {
			return path[i]
		}
	}
	return BureauOf(code)
}

// Within reports whether code is root or lies below it.
func (t *Tree) Within(code, root string) bool {
	return slices.Contains(t.Path(code), root)
}

// Find lists the places at or under root (all if empty) that every word of a text
// fits: the word is in their name or in that of a place above them. Of those above
// each other only the highest counts. In code order.
func (t *Tree) Find(text, root string) (found []Place) {
	words := strings.Fields(text)
	fits := func(code string) bool {
		var names strings.Builder
		for _, above := range t.Path(code) {
			names.WriteString(t.places[above].Name + "\n")
		}
		return len(words) > 0 && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(names.String(), w) })
	}
	for _, p := range t.places {
		if (root == "" || t.Within(p.Code, root)) && fits(p.Code) && (p.Code == root || !fits(p.Parent)) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b Place) int { return cmp.Compare(a.Code, b.Code) })
	return found
}

// All lists the places of a kind at or under root, or all of them if root is
// empty, in code order.
func (t *Tree) All(kind Kind, root string) []Place {
	var out []Place
	for _, p := range t.places {
		if p.Kind == kind && (root == "" || t.Within(p.Code, root)) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b Place) int { return cmp.Compare(a.Code, b.Code) })
	return out
}

// Path is a chain of place codes from the province to a place. A response keeps
// the path it was given at, so a later move of a bureau does not rewrite history.
type Path []string

// String joins the codes with "/".
func (p Path) String() string { return strings.Join(p, "/") }

// ParsePath is the reverse of String.
func ParsePath(text string) Path { return strings.Split(text, "/") }

// Window is the path's last code.
func (p Path) Window() string {
	if len(p) == 0 {
		return ""
	}
	return p[len(p)-1]
}

// BureauOf is the bureau's part of the code of a bureau, hall or window, and
// empty for a division.
func BureauOf(code string) string {
	i := strings.IndexByte(code, '-')
	if i < 0 {
		return ""
	}
	if j := strings.IndexByte(code[i+1:], '-'); j >= 0 {
		return code[:i+1+j]
	}
	return code
}

// HallOf is the hall's part of the code of a hall or window, and empty otherwise.
func HallOf(code string) string {
	parts := strings.Split(code, "-")
	if len(parts) < 3 {
		return ""
	}
	return strings.Join(parts[:3], "-")
}

// PlacePlan is what an import of places would do.
type PlacePlan struct {
	Added, Changed, Unchanged, Deactivated []Place
}

// Writes lists the places the plan stores.
func (p PlacePlan) Writes() []Place {
	return slices.Concat(p.Added, p.Changed, p.Deactivated)
}

// PlanPlaces compares a file, which lists every place at or under a root (the
// whole tree if under is empty), with what is stored. Places the file no longer
// names are deactivated, never deleted: their responses stay. Any fault means
// nothing may be written.
func PlanPlaces(stored, file []Place, under string) (PlacePlan, Faults) {
	before := make(map[string]Place, len(stored))
	named := make(map[string]bool, len(file))
	for _, p := range stored {
		before[p.Code] = p
	}
	merged := slices.Clone(file)
	for _, p := range file {
		named[p.Code] = true
	}
	for _, p := range stored {
		if !named[p.Code] {
			merged = append(merged, p)
		}
	}
	tree, faults := NewTree(merged)
	// Rows past the file are stored places: a fault there follows from one in the file.
	faults = slices.DeleteFunc(faults, func(f Fault) bool { return f.Row > len(file)+1 && len(file) > 0 })
	var plan PlacePlan
	was, _ := NewTree(stored) // stored places were checked on their way in
	outside := func(code string) bool {
		_, stands := was.Place(code)
		return under != "" && (!tree.Within(code, under) || stands && !was.Within(code, under))
	}
	for i, p := range file {
		old, known := before[p.Code]
		switch {
		case outside(p.Code): // also a place that the file would move in from elsewhere
			faults = append(faults, Fault{Row: i + 2, Field: "code", Value: p.Code, Why: WhyOutside})
		case !known:
			plan.Added = append(plan.Added, p)
		case old.Kind != p.Kind:
			faults = append(faults, Fault{Row: i + 2, Field: "kind", Value: string(p.Kind), Why: WhyKindChanged})
		case old == p:
			plan.Unchanged = append(plan.Unchanged, p)
		default:
			plan.Changed = append(plan.Changed, p)
		}
	}
	for _, p := range stored {
		if named[p.Code] || !p.Active || under != "" && !was.Within(p.Code, under) {
			continue
		}
		p.Active = false
		plan.Deactivated = append(plan.Deactivated, p)
	}
	// A place that goes while one below it stays was forgotten, not closed.
	for i, p := range file {
		above, stands := before[p.Parent]
		if stands && p.Active && above.Active && !named[p.Parent] && (under == "" || was.Within(p.Parent, under)) {
			faults = append(faults, Fault{Row: i + 2, Field: "parent", Value: p.Parent, Why: WhyLeftOut})
		}
	}
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.Row, b.Row) })
		return PlacePlan{}, faults
	}
	return plan, nil
}
