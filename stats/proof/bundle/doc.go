// Package bundle makes publications (发布) that anybody can recompute, and checks them.
//
// A publication is one [Document]. [Build] counts it from the data log up to a
// checkpoint, [Write] puts it into a bundle, and [Verify] checks a bundle without a
// database, and with memory that does not grow with the responses. A bundle is a ZIP
// of files in this order, stored as they are:
//
//   - publication.json: the document.
//   - publication.sig: its signature by itself, see [SignDocument].
//   - leaves.tsv: a line for each leaf of the data log, in order, see [proof.Line].
//     Every leaf is there, so the log's root can be computed; leaves of other surveys
//     open nothing but the survey.
//   - checkpoints.txt: a line of JSON for each checkpoint at which the data log had
//     grown, the last one the document's. The log's root is computed at each.
//   - figures.csv: what was counted from the log as a table.
//   - summary.csv, summary.xlsx: the score sheets as a table, a line for each bureau, in
//     the order of their ranks.
//   - report.html: all of it for print, on A4.
//   - signature.txt: a signed note over the names, lengths and hashes of the others.
//
// # What is opened to the public
//
// A bureau stands alone if its good and its bad reviews are each none or at least
// five. Others are counted together with at least one more of their city, else of the
// province, until the same holds of them; so no one of them can be had by
// subtraction. Of a unit the channels are told if each channel's good and bad reviews
// are none or at least five, and then the levels if each of their numbers is. Reviews
// not adopted are told if they, and what is left without them, are such numbers, and
// superseded ones likewise. All leaves of a unit open the same fields, and no leaf
// opens more than its numbers need. Where reviews not adopted are told, every bad
// review of the unit opens its tag, and every decision opens the tag of its review in
// any case: so none can be left out or made up. What is said beside the log has no
// number of people from one to four either, see [sheet.Unit.Fill].
//
// # Cases
//
// The rates of cases are counted from the steps in the log, as of the end of the last day
// before the publication; a step or review that waits to be appended is in none of them.
// Auditors, to whom every step is open, count them anew: that the steps of a case are
// numbered without a gap and go on in time, that each deadline is what the survey's rules
// and the working days of the document's calendar give, and what every case comes to. Who
// publishes counts in the same way, so what does not hold is not published. In public the
// times, outcomes and deadlines of a step stand behind one hash and are not opened, nor
// is the case it belongs to: who knows one thing that was done about a review, and when,
// could find its leaf, and with it the level. So the public only finds rates with more
// cases than there are steps, and the numbers of the two documents of a publication are
// counted together.
//
// # Visits
//
// Visits are counted from the lists in the log, for both audiences. Auditors see for each
// window and day the tags of the cases that were served, which are those of the responses,
// and count anew who was served, who of them rated, whenever that was and however, and who
// is a default as of the publication. A visit that a later list moved is there again with a
// higher number, which stands; the same twice is one. Of a list the public sees its survey
// and nothing else: with tags a response could be joined to a visit, and with the day and
// window a rating to who was there. So of their document the visits stand on the signature,
// and are those of the auditors' document counted together.
//
// # Evaluations
//
// What third-party evaluators found is counted from the versions they submitted, each a
// leaf with the findings, and what was measured, item by item. Both audiences are shown
// them: an evaluation holds what a bureau has and does, no citizen's answer, visit or
// contact, so no rating follows from it, and the public could otherwise only believe the
// scores. It is not shown who the evaluator is, nor when a version was submitted; auditors
// are. Notes, which may speak of people, and photos are opened to nobody. A leaf names the
// instrument by its hash, the document holds it, and the version of the rules names it too:
// weights, thresholds and the gate are those that every evaluation was made by, or it is
// found. How many evaluations are not finished is in no log.
//
// # What it cannot prove
//
// Besides what package proof names: which of several responses for one case counts
// follows from what a visit's paper proves, which is not in the log, so a publication says
// it and auditors compare. That everybody who was served is on a list, the log cannot show:
// it shows that no list was changed or left out after it was logged. Whoever can sign can publish other rules than those the survey opened with;
// the version of the rules, which every publication and data set names, shows it to
// those who compare. With an instrument it is found only once an evaluation is logged. A
// checkpoint that nobody else has kept can be left out. How many responses, steps, visits
// and evaluations wait, and what units say of unfinished evaluations and quality flags, and
// in public of visits, stands on the signature alone; every document names it. Of cases the same goes for the
// calendar, for whose visit a list proves, and in public for all their numbers; see
// [CaseBasis]. What follows from it on the score sheets is recomputed. A step is what
// somebody wrote down: that a citizen was called, the log cannot show. Nor can it that an
// evaluator saw what was found.
package bundle
