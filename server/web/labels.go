package web

import (
	"manyi/qrcodes"
	"manyi/survey"
)

// Windows lists the active windows at or under a place that a survey rates.
func Windows(s survey.Survey, tree *survey.Tree, place string) []survey.Place {
	var out []survey.Place
	for _, w := range tree.All(survey.Window, place) {
		if w.Active && s.Candidate(w.Code) {
			out = append(out, w)
		}
	}
	return out
}

// Labels says what is printed with each code.
func Labels(s survey.Survey, tree *survey.Tree, signer *qrcodes.Signer, baseURL string, codes []survey.WindowCode) []qrcodes.Label {
	w := world{tree: tree}
	out := make([]qrcodes.Label, len(codes))
	for i, c := range codes {
		code := signer.Code(c.Serial)
		out[i] = qrcodes.Label{Place: c.Window, Code: code, Link: qrcodes.Link(baseURL, code), Sample: s.Sample,
			Window: w.name(c.Window), Hall: w.name(survey.HallOf(c.Window)), Bureau: w.name(survey.BureauOf(c.Window))}
	}
	return out
}
