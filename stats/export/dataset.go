package export

import (
	"archive/zip"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"manyi/stats"
	"manyi/stats/figures"
	"manyi/stats/quality"
	"manyi/survey"
)

// DatasetStore is what a data set is read from.
type DatasetStore interface {
	survey.TallyStore
	visitReader
	survey.ResponseStore
	survey.CaseStore
	survey.CaseSheetStore
	survey.QualityStore
	survey.InstrumentStore
}

// DatasetQuery says what a data set holds and who asks for it.
type DatasetQuery struct {
	Survey   survey.Survey
	Tree     *survey.Tree
	Within   string      // a place; empty for all
	From, To survey.Span // local days, both included, 0 for open
	Who      survey.Actor
	AsOf     time.Time
	Version  string                       // of the program
	Text     func(key string) survey.Text // the product's sentences
}

func (q DatasetQuery) restricted() bool { return !q.Who.Can(survey.DownloadWhole) }

// DatasetFile is a file of a data set.
type DatasetFile struct {
	Name   string `json:"name"`
	Rows   int64  `json:"rows"` // without header and trailer; 0 for texts
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // of all its bytes
}

// DatasetManifest is the last file of a data set and says what the others are.
type DatasetManifest struct {
	Survey     string        `json:"survey"`
	Title      survey.Text   `json:"title"`
	Sample     bool          `json:"sample"`
	Zone       string        `json:"zone"`
	AsOf       time.Time     `json:"as_of"`
	Within     string        `json:"within,omitempty"`
	From       string        `json:"from,omitempty"`
	To         string        `json:"to,omitempty"`
	Restricted bool          `json:"restricted"` // without case number, stage, time, and comments that hold a number
	Program    string        `json:"program"`
	Rules      DatasetRules  `json:"rules"`
	Files      []DatasetFile `json:"files"`
}

// DatasetRules are what the figures follow from besides the responses.
type DatasetRules struct {
	Version       string               `json:"version"` // SHA-256 of the JSON of the others
	Survey        survey.Rules         `json:"survey"`
	Questionnaire survey.Questionnaire `json:"questionnaire"`
	Counting      int                  `json:"counting"` // of cases
	Quality       int                  `json:"quality"`
	Figures       []string             `json:"figures"` // definitions of the rates of cases
	// Instrument is the SHA-256 of what evaluators go by, weights and thresholds and all;
	// empty in publications made before it was among the rules.
	Instrument string `json:"instrument,omitempty"`
}

// RulesOf are the rules of a survey under this program, with the instrument that evaluators
// go by.
func RulesOf(s survey.Survey, i *survey.Instrument) (r DatasetRules, err error) {
	r = DatasetRules{Survey: s.Rules, Questionnaire: s.Questionnaire, Counting: survey.Counting, Quality: quality.Rules}
	for _, d := range stats.CaseDefinitions {
		r.Figures = append(r.Figures, d.ID+" "+d.Name)
	}
	if i != nil {
		r.Instrument = i.SHA256()
	}
	doc, err := json.Marshal(r)
	sum := sha256.Sum256(doc)
	r.Version = hex.EncodeToString(sum[:])
	return r, err
}

// Dataset writes the data set (数据包) an evaluator takes away: a ZIP with the
// de-identified responses in four formats and for SPSS, for those who may see case
// numbers also in the layout of the national exchange, the code book, the frame the ratings are a sample of, the figures, what is not counted and on what
// ground, the quality flags, and last the manifest; a ZIP without its end does not open.
// The responses are read once, so that all formats hold the same ones; meanwhile all
// but one lie in temporary files. No contact is in it.
func Dataset(ctx context.Context, w io.Writer, store DatasetStore, q DatasetQuery) (DatasetManifest, error) {
	m := DatasetManifest{Survey: q.Survey.ID, Title: q.Survey.Title, Sample: q.Survey.Sample, Zone: q.Survey.Zone, AsOf: q.AsOf.In(q.Survey.Location()),
		Within: q.Within, Restricted: q.restricted(), Program: q.Version}
	if q.From != 0 {
		m.From = q.From.String()
	}
	if q.To != 0 {
		m.To = q.To.String()
	}
	instrument, err := q.Survey.Instrument(ctx, store)
	if err != nil {
		return m, err
	}
	if m.Rules, err = RulesOf(q.Survey, &instrument); err != nil {
		return m, err
	}
	d := &dataset{DatasetQuery: q, store: store, zip: zip.NewWriter(w)}
	for _, part := range []func(context.Context) error{d.readme, d.responses, d.spss, d.codebook, d.places, d.visits, d.figures, d.caseRates, d.flags} {
		if err := part(ctx); err != nil {
			return m, err
		}
	}
	m.Files = d.files
	doc, err := json.MarshalIndent(m, "", "  ")
	if err == nil {
		err = d.file("manifest.json", func(w io.Writer) (int64, error) {
			_, err := w.Write(append(doc, '\n'))
			return 0, err
		})
	}
	if err != nil {
		return m, err
	}
	return m, d.zip.Close()
}

type dataset struct {
	DatasetQuery
	store DatasetStore
	zip   *zip.Writer
	files []DatasetFile
}

// file adds a file; write returns its rows.
func (d *dataset) file(name string, write func(w io.Writer) (rows int64, err error)) error {
	entry, err := d.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: d.AsOf})
	if err != nil {
		return err
	}
	sum, size := sha256.New(), &sizer{}
	rows, err := write(io.MultiWriter(entry, sum, size))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	d.files = append(d.files, DatasetFile{name, rows, size.n, hex.EncodeToString(sum.Sum(nil))})
	return nil
}

type sizer struct{ n int64 }

func (s *sizer) Write(b []byte) (int, error) {
	s.n += int64(len(b))
	return len(b), nil
}

// table adds a table as CSV.
func (d *dataset) table(name string, write func(w io.Writer) (Manifest, error)) error {
	return d.file(name+".csv", func(w io.Writer) (int64, error) {
		m, err := write(w)
		return m.Rows, err
	})
}

// aside is a table that is written beside another one.
type aside struct {
	name string
	tmp  *os.File
	rows func() (Manifest, error)
}

// responses writes the responses in every format, and what does not count, in one go.
func (d *dataset) responses(ctx context.Context) (err error) {
	var sides []*aside
	defer func() {
		for _, s := range sides {
			s.tmp.Close()
			err = errors.Join(err, os.Remove(s.tmp.Name()))
		}
	}()
	side := func(name string) (*aside, error) {
		tmp, err := os.CreateTemp("", "manyi-dataset-*")
		if err != nil {
			return nil, err
		}
		sides = append(sides, &aside{name: name, tmp: tmp})
		return sides[len(sides)-1], nil
	}
	var writers []*ResponseWriter
	for name, f := range map[string]Format{"responses.jsonl": JSONL, "responses.xlsx": XLSX, "responses.parquet": Parquet, spssData: CSV} {
		s, err := side(name)
		if err != nil {
			return err
		}
		w, err := NewResponses(s.tmp, f, d.Survey, d.restricted())
		if err != nil {
			return err
		}
		w.oneLine = name == spssData
		writers = append(writers, w)
		s.rows = w.Close
	}
	s, err := side("exclusions.csv")
	if err != nil {
		return err
	}
	out, err := newExclusions(s.tmp, d.Survey)
	if err != nil {
		return err
	}
	s.rows = out.w.Close
	var exchanged *exchange
	if !d.restricted() {
		s, err := side("exchange.csv")
		if err != nil {
			return err
		}
		if exchanged, err = newExchange(s.tmp, d.Survey, d.Tree, d.store); err != nil {
			return err
		}
		s.rows = exchanged.w.Close
	}
	if err := d.table("responses", func(w io.Writer) (Manifest, error) {
		main, err := NewResponses(w, CSV, d.Survey, d.restricted())
		if err != nil {
			return Manifest{}, err
		}
		err = d.store.Responses(ctx, survey.ResponseQuery{Survey: d.Survey.ID, Place: d.Within, From: d.From, To: d.To}, func(r survey.Listed) error {
			if r.Standing == survey.Superseded {
				if err := out.superseded(r); err != nil {
					return err
				}
			}
			if exchanged != nil {
				if err := exchanged.write(ctx, r); err != nil {
					return err
				}
			}
			for _, w := range append(writers, main) {
				if err := w.Write(r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return Manifest{}, err
		}
		return main.Close()
	}); err != nil {
		return err
	}
	if err := out.notAdopted(ctx, d.store, survey.CaseQuery{Survey: d.Survey.ID, Place: d.Within, From: d.From, To: d.To}); err != nil {
		return err
	}
	for _, s := range sides {
		m, err := s.rows()
		if err == nil {
			_, err = s.tmp.Seek(0, io.SeekStart)
		}
		if err == nil {
			err = d.file(s.name, func(w io.Writer) (int64, error) {
				_, err := io.Copy(w, s.tmp)
				return m.Rows, err
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *dataset) figures(ctx context.Context) error {
	for _, by := range []survey.Kind{survey.Province, survey.City, survey.Bureau, survey.Window} {
		t, err := figures.Load(ctx, d.store, figures.Query{Survey: d.Survey, Tree: d.Tree, By: by, Within: d.Within, From: d.From, To: d.To, AsOf: d.AsOf}, d.Who)
		if err != nil {
			return err
		}
		if err := d.table("figures_"+string(by), func(w io.Writer) (Manifest, error) { return Figures(w, CSV, t) }); err != nil {
			return err
		}
	}
	return nil
}

// caseRates are those of the last day that was counted; before the first there are none.
func (d *dataset) caseRates(ctx context.Context) error {
	if within, ok := d.Tree.Place(d.Within); ok && (within.Kind == survey.Hall || within.Kind == survey.Window) {
		return nil // they are counted by bureau, which is more than this place
	}
	t, err := figures.LoadCases(ctx, d.store, figures.CaseQuery{Survey: d.Survey, Tree: d.Tree, By: survey.Bureau, Within: d.Within}, d.Who)
	if errors.Is(err, survey.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return d.table("case_rates", func(w io.Writer) (Manifest, error) { return Cases(w, CSV, t, d.Text) })
}

func (d *dataset) flags(ctx context.Context) error {
	q := QualityQuery{Within: d.Within, From: d.From, To: d.To, Rows: !d.restricted()}
	return d.table("quality_flags", func(w io.Writer) (Manifest, error) {
		return Quality(ctx, w, CSV, d.Survey, d.Tree, d.store, q, d.Text)
	})
}

// places is the frame: the windows that could be rated, and what is above them.
func (d *dataset) places(context.Context) error {
	return d.table("frame_places", func(w io.Writer) (Manifest, error) {
		x, err := NewWriter(w, CSV, Table{Name: "frame_places", Columns: []Column{
			{"code", survey.Text{Zh: "编码", En: "Code"}}, {"kind", survey.Text{Zh: "类别", En: "Kind"}}, {"name", survey.Text{Zh: "名称", En: "Name"}},
			{"parent", survey.Text{Zh: "上级", En: "Place above"}}, {"active", survey.Text{Zh: "是否启用", En: "Whether in use"}}}})
		if err != nil {
			return Manifest{}, err
		}
		top := cmp.Or(d.Within, d.Tree.Root())
		for _, kind := range survey.Kinds {
			for _, p := range d.Tree.All(kind, top) {
				if b := survey.BureauOf(p.Code); b != "" && !d.Survey.Candidate(b) {
					continue
				}
				if err := x.Row(p.Code, string(p.Kind), p.Name, filled(p.Parent), p.Active); err != nil {
					return Manifest{}, err
				}
			}
		}
		return x.Close()
	})
}

// visits is the frame by window and day: who was served, and how many of them rated.
func (d *dataset) visits(ctx context.Context) error {
	from, to := cmp.Or(d.From, d.Survey.FirstDay()), cmp.Or(d.To, d.Survey.LastDay())
	return d.table("frame_visits", func(w io.Writer) (Manifest, error) {
		x, err := NewWriter(w, CSV, Table{Name: "frame_visits", Columns: []Column{
			{"window", survey.Text{Zh: "窗口编码", En: "Window"}}, {"day", survey.Text{Zh: "办结日期", En: "Day the visits ended"}},
			{"served", survey.Text{Zh: "办件数", En: "Visits listed"}}, {"rated", survey.Text{Zh: "其中已评价", En: "Of them rated"}}}})
		if err != nil {
			return Manifest{}, err
		}
		err = d.store.Tallies(ctx, survey.TallyQuery{Survey: d.Survey.ID, Kind: survey.Window, Place: belowDivision(d.Within), From: from, To: to, Question: survey.NoQuestion},
			func(b survey.Bucket, t survey.Tally) error {
				if t.Served == 0 || d.Within != "" && !d.Tree.Within(b.Place, d.Within) {
					return nil
				}
				return x.Row(b.Place, b.Span.String(), t.Served, t.Rated)
			})
		if err != nil {
			return Manifest{}, err
		}
		return x.Close()
	})
}

// belowDivision is a place tallies can be chosen by; a division is looked for row by row.
func belowDivision(place string) string {
	if survey.BureauOf(place) == "" {
		return ""
	}
	return place
}

func (d *dataset) readme(context.Context) error {
	return d.file("README.txt", func(w io.Writer) (int64, error) {
		sample := ""
		if d.Survey.Sample {
			t := d.Text("dataset.sample")
			sample = t.Zh + "\n" + t.En + "\n\n"
		}
		t := d.Text("dataset.about")
		_, err := fmt.Fprintf(w, "%s\n%s\n\n%s%s\n\n%s\n", d.Survey.Title.Zh, d.Survey.Title.En, sample, t.Zh, t.En)
		return 0, err
	})
}

// exclusions is the table of responses that are not counted, or only with a remark.
type exclusions struct {
	w    *Writer
	zone *time.Location
}

func newExclusions(w io.Writer, s survey.Survey) (*exclusions, error) {
	x, err := NewWriter(w, CSV, Table{Name: "exclusions", Columns: []Column{
		{"id", survey.Text{Zh: "评价编号", En: "Id of the response"}}, {"bureau", survey.Text{Zh: "单位编码", En: "Bureau"}}, {"window", survey.Text{Zh: "窗口编码", En: "Window"}},
		{"day", survey.Text{Zh: "收到日期", En: "Day received"}},
		{"why", survey.Text{Zh: "原因：superseded 同一办件同一环节另一条计入，not_adopted 不予采纳", En: "Why: another response of the same case and stage counts, or not adopted"}},
		{"ground", survey.Text{Zh: "不予采纳的理由", En: "Ground of not adopting it"}}, {"asked_on", survey.Text{Zh: "提请日期", En: "Day it was asked for"}},
		{"decided_on", survey.Text{Zh: "决定日期", En: "Day it was decided"}}, {"objected", survey.Text{Zh: "群众是否提出异议", En: "Whether the citizen objected"}}}})
	return &exclusions{x, s.Location()}, err
}

func (x *exclusions) superseded(r survey.Listed) error {
	return x.w.Row(hex.EncodeToString(r.ID[:]), survey.BureauOf(r.Path.Window()), r.Path.Window(), r.Day.String(), string(survey.Superseded), nil, nil, nil, nil)
}

// notAdopted adds the reviews that are not adopted as things stand now.
func (x *exclusions) notAdopted(ctx context.Context, store survey.CaseStore, q survey.CaseQuery) error {
	q.Marks = survey.MarkExcluded
	return store.Cases(ctx, q, func(c survey.Case) error {
		var ground survey.Ground
		var asked, decided survey.Span
		objected := false
		for _, e := range c.Entries {
			switch e.Step {
			case survey.StepExclusionAsked:
				ground, asked = e.Ground, survey.DayOf(e.At, x.zone)
			case survey.StepExclusionGranted:
				decided = survey.DayOf(e.At, x.zone)
			case survey.StepObjected:
				objected = true
			}
		}
		r := c.Response
		return x.w.Row(hex.EncodeToString(r.ID[:]), survey.BureauOf(r.Path.Window()), r.Path.Window(), r.Day.String(), "not_adopted",
			string(ground), dayCell(asked), dayCell(decided), strconv.FormatBool(objected))
	})
}
