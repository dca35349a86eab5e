package survey

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// ItemKind is how an item (指标) of an instrument is judged.
type ItemKind string

// The kinds.
const (
	ItemMet        ItemKind = "met"        // 是否符合: by what the evaluator sees
	ItemPercentage ItemKind = "percentage" // 比率: percentages, each with a threshold
	ItemCount      ItemKind = "count"      // 数量: numbers of something, each with a threshold
	ItemVeto       ItemKind = "veto"       // 否决项: what rules a bureau out if it holds
	ItemBonus      ItemKind = "bonus"      // 加分项
)

// ItemKinds lists the kinds.
var ItemKinds = [...]ItemKind{ItemMet, ItemPercentage, ItemCount, ItemVeto, ItemBonus}

// Scored reports whether items of the kind are in the share of items met.
func (k ItemKind) Scored() bool { return k != ItemVeto && k != ItemBonus }

// Threshold is what a measured value must reach.
type Threshold struct {
	Measure Text    `json:"measure,omitzero"` // what is measured, if an item has several
	Value   float64 `json:"value"`            // percent of 0 to 100, or a number
	AtMost  bool    `json:"at_most,omitempty"`
}

// Holds reports whether a value reaches the threshold.
func (t Threshold) Holds(v float64) bool {
	if t.AtMost {
		return v <= t.Value
	}
	return v >= t.Value
}

// String is the threshold as people write it, such as "≥90" or "≤7".
func (t Threshold) String() string {
	sign := "≥"
	if t.AtMost {
		sign = "≤"
	}
	return sign + strconv.FormatFloat(t.Value, 'f', -1, 64)
}

// Item is one thing an evaluator judges.
type Item struct {
	Number     string      `json:"number"` // 1 to 60, B1, V1
	Chapter    Text        `json:"chapter"`
	Title      Text        `json:"title"` // of a veto item: what must not be found
	Kind       ItemKind    `json:"kind"`
	Thresholds []Threshold `json:"thresholds,omitempty"` // of percentages and counts
	Weight     float64     `json:"weight"`               // its part of the score; of a bonus item, the points it adds
}

// InstrumentRef names one version of an instrument. The zero value stands for the
// built-in one, [BuiltIn].
type InstrumentRef struct {
	ID      string `json:"id"`
	Version int    `json:"version"`
}

// String is the name as people write it, such as "rule-of-law-60 v1".
func (r InstrumentRef) String() string { return fmt.Sprintf("%s v%d", r.ID, r.Version) }

// Instrument is what evaluators go by (评估指标): a list of items with their weights.
// A version never changes; a survey names the one it goes by, and that freezes
// with its rules.
type Instrument struct {
	InstrumentRef
	Title Text `json:"title"`
	// Gate is the least share of items met, in percent, with which a bureau may apply.
	Gate  float64 `json:"gate"`
	Items []Item  `json:"items"`
}

// DefaultGate is the gate of the notice: a bureau applies when it meets 90 % of the items.
const DefaultGate = 90

// Item returns the item with a number.
func (i Instrument) Item(number string) (Item, bool) {
	for _, item := range i.Items {
		if item.Number == number {
			return item, true
		}
	}
	return Item{}, false
}

// Limits of an instrument.
const (
	MaxItems     = 500
	maxWeight    = 1000
	maxCount     = 1_000_000
	maxThreshold = 9 // of one item
)

// Why an instrument was refused.
const (
	WhyInstrumentID     Why = "instrument_id"
	WhyInstrumentTaken  Why = "instrument_taken"
	WhyInstrumentNone   Why = "instrument_none"
	WhyVersion          Why = "version"
	WhyGate             Why = "gate"
	WhyItemNumber       Why = "item_number"
	WhyItemKind         Why = "item_kind"
	WhyThresholdMissing Why = "threshold_missing"
	WhyThreshold        Why = "threshold"
	WhyThresholdUnused  Why = "threshold_unused"
	WhyMeasures         Why = "measures"
	WhyWeight           Why = "weight"
	WhyNoItems          Why = "no_items"
	WhyTooManyItems     Why = "too_many_items"
	WhyNothingWeighs    Why = "nothing_weighs"
)

var itemNumber = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,11}$`)

// Validate returns every fault of an instrument. Faults of items carry the row the
// item has in a file whose first row is the header.
func (i Instrument) Validate() (faults Faults) {
	add := func(row int, field, value string, why Why) {
		faults = append(faults, Fault{Row: row, Field: field, Value: value, Why: why})
	}
	if !surveyID.MatchString(i.ID) {
		add(0, "id", i.ID, WhyInstrumentID)
	}
	if i.Version < 1 {
		add(0, "version", strconv.Itoa(i.Version), WhyVersion)
	}
	if why := nameFault(i.Title.Zh); why != "" {
		add(0, "title", i.Title.Zh, why)
	}
	if !(i.Gate >= 0 && i.Gate <= 100) {
		add(0, "gate", fmt.Sprint(i.Gate), WhyGate)
	}
	switch {
	case len(i.Items) == 0:
		add(0, "items", "", WhyNoItems)
	case len(i.Items) > MaxItems:
		add(0, "items", strconv.Itoa(len(i.Items)), WhyTooManyItems)
	}
	seen := map[string]bool{}
	sum := 0.0
	for n, item := range i.Items {
		row := n + 2
		if seen[item.Number] {
			add(row, "number", item.Number, WhyRepeated)
		}
		seen[item.Number] = true
		for _, f := range item.faults() {
			add(row, f.Field, f.Value, f.Why)
		}
		if item.Kind.Scored() {
			sum += item.Weight
		}
	}
	if len(i.Items) > 0 && !(sum > 0) {
		add(0, "weight", "0", WhyNothingWeighs)
	}
	return faults
}

func (i Item) faults() (faults Faults) {
	add := func(field, value string, why Why) {
		faults = append(faults, Fault{Field: field, Value: value, Why: why})
	}
	if !itemNumber.MatchString(i.Number) {
		add("number", i.Number, WhyItemNumber)
	}
	for field, text := range map[string]string{"chapter_zh": i.Chapter.Zh, "title_zh": i.Title.Zh} {
		if why := nameFault(text); why != "" {
			add(field, text, why)
		}
	}
	for field, text := range map[string]string{"chapter_en": i.Chapter.En, "title_en": i.Title.En} {
		if why := nameFault(text); why != "" && why != WhyMissing {
			add(field, text, why)
		}
	}
	if !slices.Contains(ItemKinds[:], i.Kind) {
		add("kind", string(i.Kind), WhyItemKind)
	}
	if !(i.Weight >= 0 && i.Weight <= maxWeight) {
		add("weight", fmt.Sprint(i.Weight), WhyWeight)
	}
	measured := i.Kind == ItemPercentage || i.Kind == ItemCount
	switch {
	case measured && len(i.Thresholds) == 0:
		add("thresholds", "", WhyThresholdMissing)
	case !measured && len(i.Thresholds) > 0:
		add("thresholds", i.Thresholds[0].String(), WhyThresholdUnused)
	case len(i.Thresholds) > maxThreshold:
		add("thresholds", strconv.Itoa(len(i.Thresholds)), WhyThreshold)
	}
	for _, t := range i.Thresholds {
		most := float64(maxCount)
		if i.Kind == ItemPercentage {
			most = 100
		}
		if !(t.Value >= 0 && t.Value <= most) {
			add("thresholds", t.String(), WhyThreshold)
		}
		if len(i.Thresholds) > 1 && nameFault(t.Measure.Zh) != "" {
			add("measures_zh", t.Measure.Zh, WhyMeasures)
		}
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return strings.Compare(a.Field, b.Field) })
	return faults
}

// ItemRow is an item as a file has it: text in every column.
type ItemRow struct {
	Row                    int
	Number                 string
	ChapterZh, ChapterEn   string
	TitleZh, TitleEn       string
	Kind                   string
	Thresholds             string // separated by ";", each at least, or with ≤ in front at most
	MeasuresZh, MeasuresEn string // separated by ";", what each threshold is about
	Weight                 string
}

// NewInstrument makes an instrument from the rows of a file, with every fault.
// Faults carry the rows' own numbers.
func NewInstrument(ref InstrumentRef, title Text, gate float64, rows []ItemRow) (Instrument, Faults) {
	i := Instrument{InstrumentRef: ref, Title: title, Gate: gate}
	var faults Faults
	for _, r := range rows {
		item, unread := r.item()
		faults = append(faults, unread...)
		i.Items = append(i.Items, item)
	}
	unreadable := map[Fault]bool{}
	for _, f := range faults {
		unreadable[Fault{Row: f.Row, Field: f.Field}] = true
	}
	for _, f := range i.Validate() {
		if f.Row > 0 {
			f.Row = rows[f.Row-2].Row
		}
		if !unreadable[Fault{Row: f.Row, Field: f.Field}] { // one fault a cell
			faults = append(faults, f)
		}
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return a.Row - b.Row })
	return i, faults
}

func (r ItemRow) item() (i Item, faults Faults) {
	i = Item{Number: r.Number, Chapter: Text{r.ChapterZh, r.ChapterEn}, Title: Text{r.TitleZh, r.TitleEn}, Kind: ItemKind(r.Kind)}
	var err error
	if i.Weight, err = parseNumber(r.Weight); err != nil {
		faults = append(faults, Fault{Row: r.Row, Field: "weight", Value: r.Weight, Why: WhyWeight})
	}
	thresholds, zh, en := list(r.Thresholds), list(r.MeasuresZh), list(r.MeasuresEn)
	if len(zh) > 0 && len(zh) != len(thresholds) || len(en) > 0 && len(en) != len(thresholds) {
		faults = append(faults, Fault{Row: r.Row, Field: "measures_zh", Value: r.MeasuresZh, Why: WhyMeasures})
		zh, en = nil, nil
	}
	for n, text := range thresholds {
		t := Threshold{}
		number := strings.TrimPrefix(strings.TrimPrefix(text, "≥"), ">=")
		for _, sign := range []string{"≤", "<="} {
			if rest, ok := strings.CutPrefix(text, sign); ok {
				number, t.AtMost = rest, true
			}
		}
		if t.Value, err = parseNumber(strings.TrimRight(number, "%％")); err != nil {
			faults = append(faults, Fault{Row: r.Row, Field: "thresholds", Value: text, Why: WhyThreshold})
		}
		if len(zh) > 0 {
			t.Measure.Zh = zh[n]
		}
		if len(en) > 0 {
			t.Measure.En = en[n]
		}
		i.Thresholds = append(i.Thresholds, t)
	}
	return i, faults
}

// list splits a cell at its semicolons.
func list(cell string) (parts []string) {
	if blank(cell) {
		return nil
	}
	for _, p := range strings.Split(strings.ReplaceAll(cell, "；", ";"), ";") {
		parts = append(parts, strings.TrimSpace(p))
	}
	return parts
}

// numberForm is a number as people write one, without sign or exponent.
var numberForm = regexp.MustCompile(`^\d{1,9}(\.\d{1,4})?$`)

var errNumber = errors.New("want a number such as 92.5")

func parseNumber(text string) (float64, error) {
	if text = narrow(text); !numberForm.MatchString(text) {
		return 0, errNumber
	}
	return strconv.ParseFloat(text, 64)
}

//go:embed instrument.csv
var shippedInstrument []byte

// BuiltIn is the instrument of the 60 indicators for model bureaus (法治人社示范创建),
// with two bonus and two veto items. Numbers and thresholds are those of the
// notice; titles are the product's own, and every item weighs the same, as the
// notice gives no weights. It is shared: do not change it.
var BuiltIn = sync.OnceValue(func() Instrument {
	table, err := csv.NewReader(bytes.NewReader(shippedInstrument)).ReadAll()
	if err != nil {
		panic(fmt.Sprintf("survey: the shipped instrument is broken: %v", err))
	}
	var rows []ItemRow
	for n, c := range table[1:] {
		rows = append(rows, ItemRow{n + 2, c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9]})
	}
	i, faults := NewInstrument(InstrumentRef{"rule-of-law-60", 1}, Text{"法治人社示范创建评估", "Model bureaus: 60 indicators"}, DefaultGate, rows)
	if len(faults) > 0 {
		panic(fmt.Sprintf("survey: the shipped instrument is broken: %v", faults))
	}
	return i
})

// InstrumentStore keeps instruments, beside the built-in one.
type InstrumentStore interface {
	// AddInstrument stores a version of an instrument; ErrExists if it is taken.
	AddInstrument(ctx context.Context, i Instrument) error
	// Instrument returns a version of an instrument; ErrNotFound.
	Instrument(ctx context.Context, ref InstrumentRef) (Instrument, error)
	// Instruments returns every version of every instrument, by id and version.
	Instruments(ctx context.Context) ([]Instrument, error)
}

// Instrument is the instrument a survey goes by; ErrNotFound if it names one that
// is not stored.
func (s Survey) Instrument(ctx context.Context, store InstrumentStore) (Instrument, error) {
	ref := s.Rules.Instrument
	if ref == (InstrumentRef{}) || ref == BuiltIn().InstrumentRef {
		return BuiltIn(), nil
	}
	return store.Instrument(ctx, ref)
}

// AddInstrument stores a version of an instrument, once: the same again changes
// nothing. Errors: Faults, also if the version is taken by another content.
func AddInstrument(ctx context.Context, store InstrumentStore, i Instrument) (added bool, err error) {
	if faults := i.Validate(); len(faults) > 0 {
		return false, faults
	}
	taken := Faults{{Field: "version", Value: i.InstrumentRef.String(), Why: WhyInstrumentTaken}}
	if i.ID == BuiltIn().ID {
		return false, taken
	}
	err = store.AddInstrument(ctx, i)
	if !errors.Is(err, ErrExists) {
		return err == nil, err
	}
	stored, err := store.Instrument(ctx, i.InstrumentRef)
	if err == nil && !stored.Equal(i) {
		err = taken
	}
	return false, err
}

// Equal reports whether two instruments say the same.
func (i Instrument) Equal(o Instrument) bool {
	return i.InstrumentRef == o.InstrumentRef && i.Title == o.Title && i.Gate == o.Gate && slices.EqualFunc(i.Items, o.Items, func(a, b Item) bool {
		return a.Number == b.Number && a.Chapter == b.Chapter && a.Title == b.Title && a.Kind == b.Kind && a.Weight == b.Weight &&
			slices.Equal(a.Thresholds, b.Thresholds)
	})
}
