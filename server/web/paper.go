package web

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"manyi/survey"
	"manyi/survey/intake"
)

// PaperView is the page that paper forms (纸质表单) are keyed in on, one after another.
// Levels are letters there, A for the best: bare numbers are read in two orders.
type PaperView struct {
	Console
	Windows []PlaceOption
	Window  string
	Number  string // of the form to key in next
	Day     string
	Typed   survey.Submission // levels and reasons as letters and codes
	Reasons string
	Faults  survey.Faults
	Closed  bool   // the survey takes no answers now
	Twice   bool   // the number was keyed in before: asks whether to go on
	Done    string // number that was just stored
	Again   bool   // Done was there before with the same content, and counts once
}

// Fault pairs a field with its fault.
func (v PaperView) Fault(field string) FieldFault { return FieldFault{field, v.Faults.On(field)} }

// Level is a level with the letter it has on paper.
type paperLevel struct {
	Letter string
	Level  survey.Level
}

// Levels lists the levels with their letters.
func (v PaperView) Levels() []paperLevel { return paperLevels() }

func paperLevels() (out []paperLevel) {
	for i, l := range survey.Levels {
		out = append(out, paperLevel{string(rune('A' + i)), l})
	}
	return out
}

// ofLetter is the name of the level with a letter; anything else stays as it is.
func ofLetter(text string) string {
	text = strings.TrimSpace(text)
	for _, l := range paperLevels() {
		if strings.EqualFold(text, l.Letter) {
			return l.Level.String()
		}
	}
	return text
}

func (a *app) showPaper(c *fiber.Ctx) error {
	return a.paperPage(c, fiber.StatusOK, c.Query("survey"), PaperView{Window: c.Query("window"), Number: c.Query("number", "1"), Day: c.Query("day"),
		Done: c.Query("done"), Again: c.Query("again") != ""})
}

func (a *app) paperPage(c *fiber.Ctx, status int, id string, v PaperView) error {
	w, err := a.places.look(c.UserContext())
	if err != nil {
		return err
	}
	if len(w.surveys) == 0 {
		return errNoSurvey
	}
	s, err := w.survey(id)
	if err != nil {
		return err
	}
	v.Console, v.Closed = a.console(c, s, w), s.Accepting(a.Now()) != nil
	v.Windows = windowOptions(s, w, actor(c).Place)
	v.Day = cmp.Or(v.Day, survey.DayOf(a.Now(), s.Location()).String())
	return a.page(c, status, "paper", v)
}

// windowOptions lists the windows of a survey under a place, by hall.
func windowOptions(s survey.Survey, w *world, place string) (out []PlaceOption) {
	for _, p := range Windows(s, w.tree, place) {
		out = append(out, PlaceOption{Code: p.Code, Name: w.name(survey.HallOf(p.Code)) + " · " + p.Name})
	}
	return out
}

// windowInForm is the window of a survey that a form names, if the actor sees it.
func windowInForm(c *fiber.Ctx, w *world, s survey.Survey) (survey.Place, error) {
	window, ok := w.tree.Place(c.FormValue("window"))
	switch {
	case !ok || window.Kind != survey.Window || !window.Active || !s.Candidate(window.Code):
		return window, survey.Faults{{Field: "window", Value: c.FormValue("window"), Why: WhyPlace}}
	case !sees(w.tree, actor(c), window.Code):
		return window, errNoAccess
	}
	return window, nil
}

// keyIn stores one paper form, by the rules of the citizen's page. It goes in as what it
// is: by the channel of paper, with who keyed it in and the day that stands on it.
func (a *app) keyIn(c *fiber.Ctx) error {
	w, err := a.places.look(c.UserContext())
	if err != nil {
		return err
	}
	s, err := w.survey(cmp.Or(c.FormValue("survey"), "-"))
	if err != nil {
		return err
	}
	window, err := windowInForm(c, w, s)
	if err != nil {
		return err
	}
	typed := readSubmission(c, s.Questionnaire)
	view := PaperView{Window: window.Code, Number: c.FormValue("number"), Day: c.FormValue("day"), Typed: typed, Reasons: c.FormValue("reasons")}
	back := func(status int) error { return a.paperPage(c, status, s.ID, view) }
	form, faults := s.ReadPaper(view.Number, view.Day, a.Now())
	in, more := fromPaper(typed, view.Reasons, s.Questionnaire)
	if faults = append(faults, more...); len(faults) > 0 {
		_, others := s.Accept(in)
		view.Faults = append(faults, others...)
		return back(fiber.StatusUnprocessableEntity)
	}
	form.By = actor(c).Name
	code := survey.WindowCode{Serial: tabletSerial(window.Code), Survey: s.ID, Window: window.Code}
	key := a.Intake.PaperForm(s, window.Code, form.Number)
	if c.FormValue("twice") == "" {
		before, err := a.Store.FormKeys(c.UserContext(), [][survey.FormKeyLen]byte{key})
		if err != nil {
			return err
		}
		if len(before) > 0 {
			view.Twice = true
			return back(fiber.StatusConflict)
		}
	}
	receipt, err := a.Intake.Submit(c.UserContext(), intake.Request{
		Code: code, Survey: s, Path: w.tree.Path(window.Code), Channel: survey.ChannelPaper,
		FormKey: a.Intake.FormOf(key, code.Serial), Submission: in, Paper: &form,
	})
	a.metrics.submitted(err, receipt.New)
	switch {
	case errors.As(err, &view.Faults):
		return back(fiber.StatusUnprocessableEntity)
	case errors.Is(err, survey.ErrClosed), errors.Is(err, survey.ErrNotOpen):
		return back(fiber.StatusGone)
	case err != nil:
		return err
	}
	a.Log.Info("paper form keyed in", "by", form.By, "window", window.Code, "number", form.Number, "new", receipt.New)
	next := url.Values{"survey": {s.ID}, "window": {window.Code}, "day": {form.Day.String()},
		"number": {strconv.Itoa(form.Number + 1)}, "done": {strconv.Itoa(form.Number)}}
	if !receipt.New {
		next.Set("again", "1")
	}
	return c.Redirect("/console/paper?"+next.Encode(), fiber.StatusSeeOther)
}

// fromPaper turns letters into levels and the typed codes into reasons. A code of
// another level is a slip of the finger here, where nothing unfolds and folds again.
func fromPaper(typed survey.Submission, codes string, q survey.Questionnaire) (survey.Submission, survey.Faults) {
	in := typed
	in.Level = ofLetter(typed.Level)
	in.Answers = map[string]string{}
	for name, letter := range typed.Answers {
		in.Answers[name] = ofLetter(letter)
	}
	in.Reasons = strings.FieldsFunc(codes, func(r rune) bool { return strings.ContainsRune(" ,，、;；\t　", r) })
	level, _ := survey.ParseLevel(in.Level)
	for _, text := range in.Reasons {
		code, err := strconv.Atoi(text)
		if r, known := q.Reason(code); err != nil || !known || r.Level != level {
			return in, survey.Faults{{Field: "reason", Value: text, Why: survey.WhyReasonUnknown}}
		}
	}
	return in, nil
}

// PaperSheetsView is blank forms to print.
type PaperSheetsView struct {
	Survey               survey.Survey
	Window, Hall, Bureau string
	Size                 string // a4 or a5
	Numbers              []int
	Groups               []ReasonGroup
	Levels               []paperLevel
}

// maxSheets is how many forms are printed at once.
const maxSheets = 200

// printPaper is a page of blank forms to print, numbered, from the questionnaire that
// citizens answer on their phones.
func (a *app) printPaper(c *fiber.Ctx) error {
	w, s, err := a.chosen(c)
	if err != nil {
		return err
	}
	window, ok := w.tree.Place(c.Query("window"))
	from, ferr := strconv.Atoi(c.Query("from", "1"))
	count, cerr := strconv.Atoi(c.Query("count", "20"))
	size := c.Query("size", "a5")
	switch {
	case !ok || window.Kind != survey.Window || !s.Candidate(window.Code):
		return survey.Faults{{Field: "window", Value: c.Query("window"), Why: WhyPlace}}
	case !sees(w.tree, actor(c), window.Code):
		return errNoAccess
	case ferr != nil || from < 1 || from > survey.MaxPaper:
		return survey.Faults{{Field: "from", Value: c.Query("from"), Why: survey.WhyPaperNumber}}
	case cerr != nil || count < 1 || count > maxSheets || from+count-1 > survey.MaxPaper:
		return survey.Faults{{Field: "count", Value: c.Query("count"), Why: survey.WhyPaperNumber}}
	case !slices.Contains([]string{"a4", "a5"}, size):
		return survey.Faults{{Field: "size", Value: size, Why: WhyForm}}
	}
	v := PaperSheetsView{Survey: s, Window: window.Name, Hall: w.name(survey.HallOf(window.Code)), Bureau: w.name(survey.BureauOf(window.Code)),
		Size: size, Groups: RateView{Survey: s}.ReasonGroups(), Levels: paperLevels()}
	for n := range count {
		v.Numbers = append(v.Numbers, from+n)
	}
	return a.page(c, fiber.StatusOK, "papersheets", v)
}
