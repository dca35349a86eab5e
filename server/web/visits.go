package web

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"manyi/survey"
)

// sentVisit is a visit as programs send it.
type sentVisit struct {
	CaseNumber string `json:"case_number"`
	Stage      string `json:"stage"`
	Window     string `json:"window"`
	Item       string `json:"item"`
	FinishedAt string `json:"finished_at"`
	Secret     string `json:"secret"`
	Phone      string `json:"phone"`
	Consent    bool   `json:"consent"`
	Language   string `json:"language"`
}

// apiVisits adds visits, all or none; the same ones again change nothing. A fault
// names its visit by its place in the list, counting from 1.
func (a *app) apiVisits(c *fiber.Ctx) error {
	w, s, err := a.chosen(c)
	if err != nil {
		return err
	}
	var sent struct {
		Visits []sentVisit `json:"visits"`
	}
	d := json.NewDecoder(bytes.NewReader(c.Body()))
	d.DisallowUnknownFields()
	if err := d.Decode(&sent); err != nil || d.More() {
		return fiber.NewError(fiber.StatusBadRequest, "want {\"visits\": [{\"case_number\", \"window\", \"item\", \"finished_at\", …}]} as JSON, see /api/openapi.json")
	}
	rows := make([]survey.VisitRow, len(sent.Visits))
	for i, v := range sent.Visits {
		rows[i] = survey.VisitRow{Row: i + 1, CaseNumber: v.CaseNumber, Stage: v.Stage, Window: v.Window, Item: v.Item, Finish: v.FinishedAt,
			Secret: v.Secret, Phone: v.Phone, Consent: fmt.Sprint(v.Consent), Language: v.Language}
	}
	visits, faults := s.CheckVisits(rows, w.tree, a.Intake.VisitSecret, a.Intake.Phones().ForVisit)
	if len(faults) > 0 {
		return faults
	}
	change, err := a.Store.PutVisits(c.UserContext(), visits)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"added": change.Added, "changed": change.Changed, "unchanged": change.Unchanged})
}
